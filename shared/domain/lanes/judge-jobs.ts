/**
 * What to do with native jobs that are under way: wait, or cancel while there is still time to run
 * what they leave. Jobs of one model share its limits, so the reserves are laid end to end, from
 * the last deadline backwards.
 */

import { duration, percent } from './duration-words.ts';
import {
  answerAllowanceMs,
  type LaneOutlook,
  lastFlexStartMs,
  lastLiveStartMs,
} from './plan-lane.ts';

/** A job as the planner sees it. */
export interface JobStanding {
  readonly id: string;
  readonly submittedAtMs: number;
  /** Earliest of the rows that may leave the lane; `null` when none may. Unit: ms since the epoch. */
  readonly deadlineAtMs: number | null;
  /** Longest answer that a row allows. Unit: tokens. */
  readonly longestAnswerTokens: number;
  /** What all of its rows would take in the synchronous lane, at the limits. Unit: ms. */
  readonly drainMs: number;
}

/** What is known of the model that the jobs share. */
export interface JobOutlook extends LaneOutlook {
  /** Whether it has a synchronous tier that costs less than live. */
  readonly hasFlex: boolean;
}

export type JobVerdict =
  /** Nothing to do before the instant; `null`: never. */
  | { readonly kind: 'wait'; readonly untilMs: number | null }
  /** `late`: what it leaves goes to a quicker lane; `slow`: to another job. */
  | { readonly kind: 'cancel'; readonly reason: 'late' | 'slow'; readonly why: string };

/**
 * A new job must be so much likelier to end in time before the old one is cancelled for it: what
 * makes one slow may well make the next one slow, and its place in the provider's queue is lost.
 * It cannot go on for ever: only what is older than most is given up, and each teaches that they take so long.
 */
const LEAST_GAIN = 0.25;

/** No job is given up on a mere assumption. Unit: jobs seen. */
const LEAST_SEEN = 8;

/** At most so much of a job's time is kept for running its rows one after the other. */
const LARGEST_DRAIN_SHARE = 0.25;

/** Judges all open jobs of one model that are not cancelled yet; by id. */
export function judgeJobs(
  jobs: readonly JobStanding[],
  outlook: JobOutlook,
  nowMs: number,
): Map<string, JobVerdict> {
  const verdicts = new Map<string, JobVerdict>();
  const timed: (readonly [job: JobStanding, deadlineAtMs: number])[] = [];
  for (const job of jobs) {
    if (job.deadlineAtMs === null) verdicts.set(job.id, { kind: 'wait', untilMs: null });
    else timed.push([job, job.deadlineAtMs]);
  }
  timed.sort(([, one], [, other]) => other - one);
  let nextStartMs = Number.POSITIVE_INFINITY;
  for (const [job, deadlineAtMs] of timed) {
    const mostMs = LARGEST_DRAIN_SHARE * Math.max(0, deadlineAtMs - job.submittedAtMs);
    const startMs =
      Math.min(lastStartMs(job, deadlineAtMs, outlook), nextStartMs) -
      Math.min(job.drainMs, mostMs);
    nextStartMs = startMs;
    const escalateAtMs = startMs - outlook.cancelMs - outlook.tickMs;
    verdicts.set(job.id, judge(job, escalateAtMs, outlook, nowMs));
  }
  return verdicts;
}

/** Whether a row must run live now, even though the job it is in has not ended. */
export function mustRunNow(
  row: { readonly deadlineAtMs: number | null; readonly maxOutputTokens: number },
  outlook: LaneOutlook,
  nowMs: number,
): boolean {
  if (row.deadlineAtMs === null) return false;
  return lastLiveStartMs(row.deadlineAtMs, row.maxOutputTokens, outlook) - outlook.tickMs <= nowMs;
}

/** When what it leaves must begin to run: in the discounted tier where there was ever time for that. */
function lastStartMs(
  { longestAnswerTokens, submittedAtMs }: JobStanding,
  deadlineAtMs: number,
  outlook: JobOutlook,
): number {
  const forLiveMs = lastLiveStartMs(deadlineAtMs, longestAnswerTokens, outlook);
  const forFlexMs = lastFlexStartMs(deadlineAtMs, longestAnswerTokens, outlook);
  const { cancelMs, hasFlex, tickMs } = outlook;
  return hasFlex && forFlexMs - submittedAtMs >= cancelMs + 2 * tickMs
    ? Math.min(forLiveMs, forFlexMs)
    : forLiveMs;
}

function judge(
  job: JobStanding,
  escalateAtMs: number,
  outlook: JobOutlook,
  nowMs: number,
): JobVerdict {
  const leftMs = escalateAtMs - nowMs;
  if (leftMs <= 0) {
    const reserve = outlook.cancelMs + answerAllowanceMs(job.longestAnswerTokens) + job.drainMs;
    const why = `its first deadline is near: cancelling and running what is left takes up to ${duration(reserve)}`;
    return { kind: 'cancel', reason: 'late', why };
  }
  const { turnaround, cancelMs, tickMs } = outlook;
  const elapsedMs = Math.max(0, nowMs - job.submittedAtMs);
  if (turnaround.seen >= LEAST_SEEN) {
    const ifKept = turnaround.shareWithinMore(elapsedMs, leftMs);
    const ifRenewed = turnaround.shareWithin(leftMs - cancelMs - 2 * tickMs);
    if (ifRenewed > ifKept + LEAST_GAIN) {
      const why = `after ${duration(elapsedMs)} it ends in time with ${percent(ifKept)}, a new one with ${percent(ifRenewed)}`;
      return { kind: 'cancel', reason: 'slow', why };
    }
  }
  return { kind: 'wait', untilMs: escalateAtMs };
}
