import type { DispatchTally } from '../shared/usecases/dispatch/dispatch-tally.ts';
import type { DispatchProgress } from '../shared/usecases/dispatch-progress.ts';
import type { Dispatcher, DispatchReport } from '../shared/usecases/dispatcher.ts';
import type { NativeScheduler } from './native-scheduler.ts';

/** Calls and batches worked off side by side, as one. */
export class LocalWorker implements Dispatcher {
  private readonly dispatcher: Dispatcher;
  private readonly native: NativeScheduler;
  /** What batches have answered. */
  private readonly tally: DispatchTally;

  constructor(dispatcher: Dispatcher, native: NativeScheduler, tally: DispatchTally) {
    this.dispatcher = dispatcher;
    this.native = native;
    this.tally = tally;
  }

  async run(options: { readonly untilDrained: boolean }): Promise<DispatchReport> {
    let fatal: { error: unknown } | null = null;
    const ticking = this.native.run().catch((error: unknown) => {
      fatal ??= { error };
      this.dispatcher.stop();
    });
    try {
      const report = await this.dispatcher.run(options);
      if (report.reason === 'drained') this.native.end();
      else this.native.stop();
      await ticking;
      const failed = readFatal();
      if (failed !== null) throw failed.error;
      return report;
    } finally {
      this.native.stop();
      await ticking;
    }

    function readFatal(): { error: unknown } | null {
      return fatal;
    }
  }

  stop(): void {
    this.native.stop();
    this.dispatcher.stop();
  }

  abort(): void {
    this.native.abort();
    this.dispatcher.abort();
  }

  wake(): void {
    this.native.wake();
    this.dispatcher.wake();
  }

  withdraw(id: string): void {
    this.dispatcher.withdraw(id);
  }

  progress(): DispatchProgress {
    const calls = this.dispatcher.progress();
    const { tally } = this;
    return {
      ...calls,
      succeeded: calls.succeeded + tally.succeeded,
      failed: calls.failed + tally.failed,
      costMicroUsd: calls.costMicroUsd + tally.costMicroUsd,
      inputTokens: calls.inputTokens + tally.inputTokens,
      cachedInputTokens: calls.cachedInputTokens + tally.cachedInputTokens,
      outputTokens: calls.outputTokens + tally.outputTokens,
      unmetered: calls.unmetered + tally.unmetered,
      jobs: this.native.progress(),
    };
  }
}
