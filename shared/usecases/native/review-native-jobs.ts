/** The planner's review, over the jobs of a home. */

import { isQueuedAtProvider, type NativeJob } from '../../domain/native-job.ts';
import type { EndedJob, Planner } from '../plan-work.ts';
import { createReviewJobs, type OpenJob, type ReviewJobs } from '../review-jobs.ts';
import { createCancelNativeJob } from './cancel-native-job.ts';
import { readManifest } from './manifest.ts';
import type { NativeDeps } from './native-deps.ts';
import { deferralOf } from './reconcile-rows.ts';

/** A job does not say how long its answers may be; twice what is usual. Unit: tokens. */
const ASSUMED_OUTPUT_TOKENS = 2_048;

export function createReviewNativeJobs(
  deps: Pick<NativeDeps, 'jobs' | 'work' | 'payloads' | 'clock' | 'telemetry'>,
  planner: Planner,
): ReviewJobs {
  const { jobs, work, payloads, clock, telemetry } = deps;
  const cancelJob = createCancelNativeJob({ jobs, clock });
  return createReviewJobs({
    planner,
    nowMs: () => clock.nowMs(),
    openJobs: async () => (await jobs.unfinished()).filter(isQueuedAtProvider).map(openJob),
    async cancel(id, why) {
      const isCancelled = await cancelJob(id);
      if (isCancelled) telemetry.log('info', 'A batch is cancelled', { job: id, why });
      return isCancelled;
    },
    async release(id, isDue) {
      const job = await jobs.get(id);
      if (job === null || !isQueuedAtProvider(job)) return 0;
      const rows = await readManifest(payloads, job.manifest);
      const due = [...rows].filter((row) => row.lane !== 'native' && isDue(row));
      // Handed back once; the next time they are no longer held, and nothing happens.
      await work.defer(due.map((row) => deferralOf(row, clock.nowMs(), 0)));
      return due.length;
    },
  });
}

/** What a settled job teaches; `null` where its batch was never run. */
export function lessonOf(job: NativeJob): EndedJob | null {
  const { provider, model, submittedAtMs, endedAtMs, end, cancelWantedAtMs } = job;
  if (submittedAtMs === null || endedAtMs === null) return null;
  // A batch of a row or two says little of how long others take.
  if (job.priming?.stub === null) return null;
  if (end === 'failed' || end === 'refused' || end === 'lost') return null;
  const isCompleted = end === 'completed';
  const cancelledAtMs = isCompleted ? null : cancelWantedAtMs;
  return { provider, model, submittedAtMs, endedAtMs, cancelledAtMs, isCompleted };
}

function openJob(job: NativeJob): OpenJob {
  return { ...job, maxOutputTokens: ASSUMED_OUTPUT_TOKENS };
}
