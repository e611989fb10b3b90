import { isOpenJob } from '../../domain/native/native-job.ts';
import type { Clock } from '../../ports/clock.ts';
import type { NativeJobStore } from '../../ports/native-job-store.ts';

/**
 * Wishes a job's end. The next tick asks its provider; what was answered until then is kept, and
 * the other rows are run by calls once the batch has ended. False when the job has ended already.
 */
export type CancelNativeJob = (id: string) => Promise<boolean>;

const TRIES = 10;

export function createCancelNativeJob(deps: {
  readonly jobs: NativeJobStore;
  readonly clock: Clock;
}): CancelNativeJob {
  const { jobs, clock } = deps;
  return async (id) => {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const job = await jobs.get(id);
      if (job === null || !isOpenJob(job) || job.phase === 'ended') return false;
      if (job.cancelWantedAtMs !== null) return true;
      const nowMs = clock.nowMs();
      // A tick that works on it now loses its claim with this write, and another takes it up.
      const wanted = { ...job, cancelWantedAtMs: nowMs, dueAtMs: nowMs, isClaimed: false };
      if (await jobs.update(wanted)) return true;
    }
    return false;
  };
}
