/** The planner's review, over the jobs of a home. */

import { isQueuedAtProvider, type NativeJob } from '../../domain/native/native-job.ts';
import type { EndedJob } from '../planning/learn-turnaround.ts';
import type { Planner } from '../planning/planner.ts';
import { createCancelNativeJob } from './cancel-native-job.ts';
import { readManifest } from './manifest.ts';
import type { NativeDeps } from './native-deps.ts';
import { deferralOf } from './reconcile-rows.ts';
import { createReviewJobs, type ReviewJobs, type TimedRow } from './review-jobs.ts';
import { rowsNamed } from './rows-named.ts';
import { HOLD_MS } from './submit-native-job.ts';

export function createReviewNativeJobs(
  deps: Pick<NativeDeps, 'jobs' | 'work' | 'payloads' | 'providers' | 'clock' | 'telemetry'>,
  planner: Planner,
): ReviewJobs {
  const { jobs, work, payloads, providers, clock, telemetry } = deps;
  const cancelJob = createCancelNativeJob({ jobs, clock });
  return createReviewJobs({
    planner,
    nowMs: () => clock.nowMs(),
    openJobs: async () => (await jobs.open()).filter(isQueuedAtProvider),
    async cancel(id, why) {
      const isCancelled = await cancelJob(id);
      if (isCancelled) telemetry.log('info', 'A batch is cancelled', { job: id, why });
      return isCancelled;
    },
    async release(id, isDue, signal) {
      try {
        return await release(id, isDue, signal);
      } catch (error) {
        // What is wrong with one must not keep the others from being judged.
        telemetry.log('error', 'Rows of a batch job could not be released', { job: id, error });
        return 0;
      }
    },
  });

  async function release(
    id: string,
    isDue: (row: TimedRow) => boolean,
    signal: AbortSignal,
  ): Promise<number> {
    const job = await jobs.get(id);
    if (job === null || !isQueuedAtProvider(job)) return 0;
    const rows = await readManifest(payloads, job.manifest);
    const due = [...rows].filter((row) => row.lane !== 'native' && isDue(row));
    const nowMs = clock.nowMs();
    // Handed back once: the next time they are no longer held.
    const held = await rowsNamed(due, (group) => work.extend(group, nowMs + HOLD_MS));
    const released = due.filter((row) => held.has(row));
    if (released.length === 0 || (await hasEnded(job, signal))) return 0;
    await work.defer(released.map((row) => deferralOf(row, nowMs, 0)));
    telemetry.log('warn', 'Rows are run by calls while their batch still ends', {
      job: id,
      rows: released.length,
    });
    await countReleased(id, released.length);
    return released.length;
  }

  /** Whether its batch has ended since the last look; then this tick takes its results in. */
  async function hasEnded(job: NativeJob, signal: AbortSignal): Promise<boolean> {
    const provider = providers.get(job.provider);
    if (provider === undefined || job.batchId === null) return false;
    const looked = await provider.get(job.batchId, signal);
    if (looked.kind === 'failed' || looked.value.end === null) return false;
    return jobs.update({ ...job, dueAtMs: clock.nowMs(), isClaimed: false });
  }

  /** For the report. A tick that works on the job now loses its claim, and another takes it up. */
  async function countReleased(id: string, rows: number): Promise<void> {
    for (let attempt = 0; attempt < COUNT_TRIES; attempt += 1) {
      const job = await jobs.get(id);
      if (job === null) return;
      if (await jobs.update({ ...job, released: job.released + rows })) return;
    }
  }
}

const COUNT_TRIES = 10;

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
