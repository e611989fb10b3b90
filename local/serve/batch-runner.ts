/** Moves batches on, in this process. */

import type { BatchBell } from '../../shared/ports/batch-bell.ts';
import type { BatchRef, BatchStore } from '../../shared/ports/batch-store.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { AdvanceBatch } from '../../shared/usecases/batches/advance-batch.ts';
import type { ManageFiles } from '../../shared/usecases/files/manage-files.ts';

export interface BatchRunnerDeps {
  readonly batches: BatchStore;
  readonly advanceBatch: AdvanceBatch;
  readonly manageFiles: Pick<ManageFiles, 'purge'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** Between two looks at all batches that have not ended. Unit: ms. */
const TICK_MS = 1_000;
/** One batch's turn, so that a long file does not keep others waiting. Unit: ms. */
const TURN_MS = 5_000;
/** Between two looks for files that have expired. Unit: ms. */
const PURGE_MS = 60_000;

/** Goes over all open batches again and again until stopped; a ring only makes it sooner. */
export class BatchRunner implements BatchBell {
  readonly #deps: BatchRunnerDeps;
  readonly #stopped = new AbortController();
  #rung = new AbortController();
  #purgedAtMs = 0;

  constructor(deps: BatchRunnerDeps) {
    this.#deps = deps;
  }

  async ring(): Promise<void> {
    this.#rung.abort();
  }

  /** Resolves after `stop`, when the turn under way is over. What it left is gone on with at the next start. */
  async run(): Promise<void> {
    const { clock, telemetry } = this.#deps;
    while (!this.#stopped.signal.aborted) {
      this.#rung = new AbortController();
      const isUnfinished = await this.#turn().catch((error: unknown) => {
        telemetry.log('error', 'A look at batches failed', { cause: String(error) });
        return false;
      });
      if (isUnfinished) continue;
      await clock.sleep(TICK_MS, AbortSignal.any([this.#stopped.signal, this.#rung.signal]));
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** `true` when a batch could be moved on further at once. */
  async #turn(): Promise<boolean> {
    const { batches, manageFiles, clock } = this.#deps;
    let isUnfinished = false;
    for (const ref of await batches.open()) {
      if (this.#stopped.signal.aborted) return false;
      if (await this.#advance(ref)) isUnfinished = true;
    }
    if (clock.nowMs() - this.#purgedAtMs >= PURGE_MS) {
      this.#purgedAtMs = clock.nowMs();
      await manageFiles.purge();
    }
    return isUnfinished;
  }

  async #advance(ref: BatchRef): Promise<boolean> {
    const { advanceBatch, clock, telemetry } = this.#deps;
    try {
      return (await advanceBatch(ref, { deadlineMs: clock.nowMs() + TURN_MS })) === 'unfinished';
    } catch (error) {
      // One batch in trouble must not stop the others; it has its turn again with the next look.
      telemetry.log('error', 'A batch could not be moved on', {
        batch: ref.id,
        cause: String(error),
      });
      return false;
    }
  }
}
