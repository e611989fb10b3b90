import { AppError, ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import {
  enterPhase,
  type NativeJob,
  type NativeJobChange,
  type NativeJobPhase,
} from '../../domain/native/native-job.ts';
import type { NativeBatchFailure } from '../../ports/native-batch-provider.ts';
import type { NativeDeps, TickReport } from './native-deps.ts';

/** Nobody else looks at a job for so long after a write; longer than any tick lives. Unit: ms. */
const CLAIM_MS = 360_000;
/** Wait after a failure that may pass, and after one that needs a person. Unit: ms. */
const RETRY_MS = 30_000;
const LONGEST_RETRY_MS = 300_000;
export const STOPPED_MS = 600_000;
/** Writes in between that are borne with. */
const MOST_WISHES = 10;

/**
 * A job that this tick alone works on. Every write names the version it has seen, so that a tick
 * which was taken for dead and goes on after all changes nothing.
 */
export class HeldJob {
  private current: NativeJob;
  private readonly deps: NativeDeps;
  private resting = false;

  private constructor(deps: NativeDeps, job: NativeJob) {
    this.deps = deps;
    this.current = job;
  }

  /** `null` when somebody else was quicker. */
  static async claim(deps: NativeDeps, job: NativeJob): Promise<HeldJob | null> {
    const held = new HeldJob(deps, job);
    return (await held.write(job)) ? held : null;
  }

  get facts(): NativeJob {
    return this.current;
  }

  /** Nothing is left to do before the instant at which it is due. */
  get isResting(): boolean {
    return this.resting;
  }

  /** @throws {AppError} `lease_lost` when somebody else has taken the job. */
  async save(change: NativeJobChange): Promise<void> {
    await this.mustWrite({ ...this.current, ...change });
  }

  /** The same, in another phase. */
  async enter(phase: NativeJobPhase, change: NativeJobChange = {}): Promise<void> {
    await this.mustWrite(enterPhase(this.current, phase, change));
  }

  /** Leaves the job alone until then. */
  async rest(dueAtMs: number, change: NativeJobChange = {}): Promise<void> {
    await this.mustWrite({ ...this.current, ...change }, dueAtMs);
  }

  /** The same, in another phase. */
  async restIn(
    phase: NativeJobPhase,
    dueAtMs: number,
    change: NativeJobChange = {},
  ): Promise<void> {
    await this.mustWrite(enterPhase(this.current, phase, change), dueAtMs);
  }

  /**
   * The same as `enter`, or as `restIn` with an instant, for what nobody else could find out again:
   * a wish that was written meanwhile, e.g. to cancel, is kept, and does not undo it.
   *
   * @throws {AppError} `lease_lost` when somebody else has taken the job further.
   */
  async record(
    phase: NativeJobPhase,
    change: NativeJobChange,
    dueAtMs: number | null = null,
  ): Promise<void> {
    const { id, phase: from, tryingSinceMs } = this.current;
    for (let wishes = 0; wishes < MOST_WISHES; wishes += 1) {
      if (await this.write(enterPhase(this.current, phase, change), dueAtMs)) return;
      const latest = await this.deps.jobs.get(id);
      if (latest?.phase !== from || latest.tryingSinceMs !== tryingSinceMs) break;
      this.current = latest;
    }
    throw new AppError('lease_lost', `Job ${id} was taken by another tick`);
  }

  /** Waits after a call that failed and may succeed later. */
  async restAfter(
    failure: NativeBatchFailure,
    report: TickReport,
    phase: NativeJobPhase = this.current.phase,
    also: NativeJobChange = {},
  ): Promise<void> {
    const { telemetry, clock } = this.deps;
    const { id, provider } = this.current;
    const { code, message, retryAfterMs } = failure;
    const isStop = ERROR_DISPOSITIONS[code] === 'stop_provider';
    if (isStop) report.stops.push({ provider, code, message });
    telemetry.log(isStop ? 'error' : 'warn', 'A batch call failed', { job: id, provider, code });
    const nowMs = clock.nowMs();
    const ageMs = nowMs - this.current.createdAtMs;
    const patience = Math.min(LONGEST_RETRY_MS, Math.max(RETRY_MS, Math.ceil(ageMs / 10)));
    const waitMs = isStop
      ? STOPPED_MS
      : Math.max(patience, Math.min(retryAfterMs ?? 0, STOPPED_MS));
    const change = { ...also, note: `${code}: ${message}` };
    if (phase === this.current.phase) await this.rest(nowMs + waitMs, change);
    else await this.restIn(phase, nowMs + waitMs, change);
  }

  private async mustWrite(job: NativeJob, dueAtMs: number | null = null): Promise<void> {
    if (await this.write(job, dueAtMs)) return;
    throw new AppError('lease_lost', `Job ${job.id} was taken by another tick`);
  }

  private async write(job: NativeJob, dueAtMs: number | null = null): Promise<boolean> {
    const isClaimed = dueAtMs === null;
    const next = { ...job, isClaimed, dueAtMs: dueAtMs ?? this.deps.clock.nowMs() + CLAIM_MS };
    if (!(await this.deps.jobs.update(next))) return false;
    this.current = { ...next, version: job.version + 1 };
    this.resting = !isClaimed;
    return true;
  }
}
