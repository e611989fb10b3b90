/** Ticks the native lane on one machine, for as long as its owner works. */

import type { ProviderStop } from '../shared/domain/capacity/provider-stop.ts';
import { concernOf, isOpenJob, type NativeJob } from '../shared/domain/native/native-job.ts';
import type { Clock } from '../shared/ports/clock.ts';
import type { NativeJobStore } from '../shared/ports/native-job-store.ts';
import type { WorkStore } from '../shared/ports/request-store.ts';
import type { Telemetry } from '../shared/ports/telemetry.ts';
import { Wakeup } from '../shared/usecases/dispatch/wakeup.ts';
import type { JobProgress } from '../shared/usecases/dispatch-progress.ts';
import { STOPPED_MS } from '../shared/usecases/native/held-job.ts';
import type { TickTerms } from '../shared/usecases/native/native-deps.ts';
import type { TickNative } from '../shared/usecases/native/tick-native.ts';

/** Between two ticks, whatever is due when. Unit: ms. */
const SHORTEST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;
/** A stop is told again with each look at its job; one that was not has been mended. Unit: ms. */
const STOP_KEPT_MS = STOPPED_MS + 60_000;

export interface NativeSchedulerDeps {
  /** Makes the tick over the jobs, so that what it writes can be watched. */
  readonly createTick: (jobs: NativeJobStore) => TickNative;
  readonly jobs: NativeJobStore;
  readonly work: Pick<WorkStore, 'backlog'>;
  readonly clock: Clock;
  /** When such a batch ends, for people who wait for it. */
  readonly expectEndMs: (model: string, submittedAtMs: number) => Promise<number | null>;
  readonly telemetry: Telemetry;
}

export class NativeScheduler {
  private readonly deps: NativeSchedulerDeps;
  private readonly tick: TickNative;
  private readonly wakeup: Wakeup;
  private readonly watched = new Map<string, NativeJob>();
  private expected = new Map<string, number | null>();
  private readonly calls = new AbortController();
  /** By provider, with the last look that met it. */
  private readonly stopped = new Map<string, { stop: ProviderStop; seenAtMs: number }>();
  private isEnding = false;
  private isStopping = false;

  constructor(deps: NativeSchedulerDeps) {
    this.deps = deps;
    this.wakeup = new Wakeup(deps.clock);
    this.tick = deps.createTick(this.watch(deps.jobs));
  }

  /** Takes up what the last owner of the directory died with. Call it before anything else. */
  async adopt(): Promise<readonly NativeJob[]> {
    const { jobs, clock } = this.deps;
    const nowMs = clock.nowMs();
    const open = await jobs.unfinished();
    for (const job of open) {
      if (isOpenJob(job)) this.watched.set(job.id, job);
      if (job.isClaimed) await jobs.update({ ...job, isClaimed: false, dueAtMs: nowMs });
    }
    return open;
  }

  /** Ticks until told to end; rejects when jobs can no longer be kept. */
  async run(): Promise<void> {
    const isOver = (): boolean => this.isStopping;
    const terms: TickTerms = {
      get deadlineMs() {
        return isOver() ? 0 : Number.POSITIVE_INFINITY;
      },
      signal: this.calls.signal,
    };
    while (!this.isStopping) {
      const isLast = this.isEnding;
      const { stops } = await this.tick(terms);
      this.noteStops(stops);
      await this.expectEnds();
      if (isLast) return;
      await this.wakeup.wait(await this.idleMs());
    }
  }

  /** Ends after one more tick, which tidies up behind the jobs that are settled. */
  end(): void {
    this.isEnding = true;
    this.wakeup.notify();
  }

  /** Begins nothing more; the call in flight finishes. */
  stop(): void {
    this.isStopping = true;
    this.wakeup.notify();
  }

  /** Ends the call in flight too. */
  abort(): void {
    this.calls.abort();
    this.stop();
  }

  /** New work was accepted. */
  wake(): void {
    this.wakeup.notify();
  }

  /** Providers that took no batch at the last look, and need a person. */
  stops(): readonly ProviderStop[] {
    return [...this.stopped.values()].map(({ stop }) => stop);
  }

  progress(): JobProgress[] {
    const nowMs = this.deps.clock.nowMs();
    return [...this.watched.values()].map((job) =>
      progressOf(job, nowMs, this.expected.get(job.id) ?? null),
    );
  }

  private noteStops(stops: readonly ProviderStop[]): void {
    const nowMs = this.deps.clock.nowMs();
    for (const stop of stops) this.stopped.set(stop.provider, { stop, seenAtMs: nowMs });
    for (const [provider, { seenAtMs }] of this.stopped) {
      if (nowMs - seenAtMs > STOP_KEPT_MS) this.stopped.delete(provider);
    }
  }

  private async expectEnds(): Promise<void> {
    const expected = new Map<string, number | null>();
    for (const { id, model, submittedAtMs, phase } of this.watched.values()) {
      if (phase !== 'submitted' || submittedAtMs === null) continue;
      expected.set(id, await this.deps.expectEndMs(model, submittedAtMs));
    }
    this.expected = expected;
  }

  private async idleMs(): Promise<number> {
    const { jobs, work, clock } = this.deps;
    const [soonest] = await jobs.unfinished();
    const backlog = (await work.backlog()).filter(({ route }) => route === 'native');
    const dueAtMs = Math.min(
      soonest?.dueAtMs ?? Number.POSITIVE_INFINITY,
      ...backlog.map(({ nextDueAtMs }) => nextDueAtMs),
    );
    return Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, dueAtMs - clock.nowMs()));
  }

  private watch(jobs: NativeJobStore): NativeJobStore {
    const see = (job: NativeJob): void => {
      // Whoever gets further can call the provider; what it still refuses is noted after the tick.
      if (this.watched.get(job.id)?.phase !== job.phase) this.stopped.delete(job.provider);
      if (isOpenJob(job)) this.watched.set(job.id, job);
      else this.watched.delete(job.id);
    };
    return {
      async create(job) {
        const isNew = await jobs.create(job);
        if (isNew) see(job);
        return isNew;
      },
      async update(job) {
        const isWritten = await jobs.update(job);
        if (isWritten) see(job);
        return isWritten;
      },
      get: (id) => jobs.get(id),
      due: (nowMs, limit) => jobs.due(nowMs, limit),
      open: () => jobs.open(),
      unfinished: () => jobs.unfinished(),
    };
  }
}

function progressOf(job: NativeJob, nowMs: number, expectedEndAtMs: number | null): JobProgress {
  const { provider, model, phase, seen, rowCount: rows, note } = job;
  const { succeeded, failed, retried, unfinished } = job.checkpoint.tally;
  return {
    ...{ provider, model, phase, rows, note, expectedEndAtMs },
    rawStatus: seen?.rawStatus ?? null,
    done: (seen?.completed ?? 0) + (seen?.failed ?? 0),
    taken: succeeded + failed + retried + unfinished,
    concern: concernOf(job, nowMs),
  };
}
