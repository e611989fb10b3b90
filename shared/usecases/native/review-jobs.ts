/** Looks at the open jobs on each tick: cancels what would be late, and saves what cannot wait. */

import { mustRunNow } from '../../domain/lanes/judge-jobs.ts';
import type { Planner } from '../planning/planner.ts';

/** A job as far as its review needs it. */
export interface OpenJob {
  readonly id: string;
  readonly model: string;
  /** Earliest of the rows that may leave the lane; `null` when none may. Unit: ms since the epoch. */
  readonly deadlineAtMs: number | null;
  readonly createdAtMs: number;
  /** `null` until the provider has it. */
  readonly submittedAtMs: number | null;
  readonly rowCount: number;
  readonly inputTokens: number;
  /** Of all answers at their longest. Unit: tokens. */
  readonly maxOutputTokens: number;
  /** Of the row that may answer longest. Unit: tokens. */
  readonly longestAnswerTokens: number;
  readonly cancelWantedAtMs: number | null;
}

/** A row of a job, as far as its deadline is concerned. */
export interface TimedRow {
  readonly deadlineAtMs: number | null;
  readonly maxOutputTokens: number;
}

export interface ReviewJobsDeps {
  readonly planner: Pick<Planner, 'judge' | 'drainMs' | 'outlook'>;
  /** Jobs whose batch has not ended. */
  readonly openJobs: () => Promise<readonly OpenJob[]>;
  /** Wishes a job's end; false when it has ended already. */
  readonly cancel: (id: string, why: string) => Promise<boolean>;
  /**
   * Hands the rows that are due to the synchronous queue although their job goes on; how many.
   * The first answer of a row counts, and the other is paid for in vain.
   */
  readonly release: (
    id: string,
    isDue: (row: TimedRow) => boolean,
    signal: AbortSignal,
  ) => Promise<number>;
  readonly nowMs: () => number;
}

export interface JobReview {
  readonly cancelledLate: number;
  /** Given up for a new job that is likelier to end in time. */
  readonly cancelledSlow: number;
  /** Rows whose job could not be cancelled in time. */
  readonly released: number;
}

/** Safe to repeat, and to run twice at once. The signal ends calls in flight. */
export type ReviewJobs = (signal: AbortSignal) => Promise<JobReview>;

export function createReviewJobs(deps: ReviewJobsDeps): ReviewJobs {
  const { planner, openJobs, cancel, release, nowMs } = deps;
  return async (signal) => {
    const jobs = await openJobs();
    const cancelled = { late: 0, slow: 0 };
    const going = jobs.filter(({ cancelWantedAtMs }) => cancelWantedAtMs === null);
    for (const [model, group] of Map.groupBy(going, (job) => job.model)) {
      const standings = await Promise.all(group.map(standingOf));
      for (const [id, verdict] of await planner.judge(model, standings)) {
        if (verdict.kind !== 'cancel' || !(await cancel(id, verdict.why))) continue;
        cancelled[verdict.reason] += 1;
      }
    }
    // Side by side: a provider that does not answer holds up each of them for a minute.
    const ending = jobs.filter(({ cancelWantedAtMs }) => cancelWantedAtMs !== null);
    const counts = await Promise.all(ending.map((job) => releaseDue(job, signal)));
    const released = counts.reduce((sum, count) => sum + count, 0);
    return { cancelledLate: cancelled.late, cancelledSlow: cancelled.slow, released };
  };

  async function standingOf(job: OpenJob) {
    const { rowCount, inputTokens, maxOutputTokens } = job;
    const work = { requests: rowCount, inputTokens, maxOutputTokens };
    return {
      id: job.id,
      submittedAtMs: job.submittedAtMs ?? job.createdAtMs,
      deadlineAtMs: job.deadlineAtMs,
      longestAnswerTokens: job.longestAnswerTokens,
      drainMs: await planner.drainMs(job.model, work),
    };
  }

  async function releaseDue(job: OpenJob, signal: AbortSignal): Promise<number> {
    const outlook = await planner.outlook(job.model);
    if (outlook === null) return 0;
    const isDue = (row: TimedRow): boolean => mustRunNow(row, outlook, nowMs());
    // The earliest row decides whether the others are looked at.
    const soonest = { ...job, maxOutputTokens: job.longestAnswerTokens };
    return isDue(soonest) ? release(job.id, isDue, signal) : 0;
  }
}
