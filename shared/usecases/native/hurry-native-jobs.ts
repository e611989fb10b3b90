import type { Clock } from '../../ports/clock.ts';
import type { NativePolling } from '../../ports/provider-webhooks.ts';

/** What is to be known of a job to have it looked at sooner. */
export interface HurriedJob {
  readonly provider: string;
  /** The provider's own name for it; `null` until it is recorded. */
  readonly batchId: string | null;
  readonly dueAtMs: number;
  /** Somebody looks at it now. */
  readonly isClaimed: boolean;
}

/** The part of a store of jobs that hurrying them needs. */
export interface HurriedJobs<Job extends HurriedJob> {
  open(): Promise<Job[]>;
  /** False when somebody else wrote first. */
  update(job: Job): Promise<boolean>;
}

/**
 * Makes a job due now. One that somebody looks at, or has written since, is left to them: they see
 * the end, or the next poll does.
 */
export function createNativePolling<Job extends HurriedJob>(
  jobs: HurriedJobs<Job>,
  clock: Clock,
): NativePolling {
  return {
    async pollSoon(provider, providerBatchId) {
      const job = (await jobs.open()).find(
        (one) => one.provider === provider && one.batchId === providerBatchId,
      );
      if (job === undefined) return false;
      const nowMs = clock.nowMs();
      if (!job.isClaimed && job.dueAtMs > nowMs) await jobs.update({ ...job, dueAtMs: nowMs });
      return true;
    },
  };
}
