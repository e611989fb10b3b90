/**
 * Requests with deadlines from 10 s to 24 h through the real engine in virtual time, beside one who
 * knows in advance how long each batch will take.
 */

import type { Lane } from '../../shared/domain/lanes/lane.ts';
import { deadlineClass, FLEX_NEEDS_MS, gatherMs } from '../../shared/domain/lanes/plan-lane.ts';
import { drawLognormal, drawShare, type Spread } from './draws.ts';
import {
  type PlannedRequest,
  type PlannedResult,
  runPlanned,
  type TimedRequest,
} from './planned-world.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SHORTEST_MS = 10_000;
const LONGEST_CANCEL_MS = 600_000;

/** Between two looks at the jobs, as on AWS. Unit: ms. */
export const TICK_MS = MINUTE_MS;
export const EXPIRING_SHARE = 0.05;
const CANCEL: Spread = { p50Ms: 15_000, p95Ms: 120_000 };
const ANSWER: Spread = { p50Ms: 800, p95Ms: 1_770 };

export interface DeadlineSetting {
  readonly seed: number;
  readonly count: number;
  /** Of native batches. */
  readonly turnaround: Spread;
  readonly windows: 'uniform' | 'log-uniform';
  /** Within which the requests are made. Unit: ms. */
  readonly arrivalMs: number;
  /** Share of flex calls that find no room; `null`: the model has no flex lane. */
  readonly flexRefusedShare: number | null;
}

/** What it came to. Costs in list prices of one request. */
export interface DeadlineResult {
  readonly cost: number;
  readonly oracleCost: number;
  /** Of one who also takes, at the last instant, the rows that an unfinished batch has done. */
  readonly strictOracleCost: number;
  readonly missed: number;
  /** Missed ones that a live call at acceptance would have met. */
  readonly missedAvoidably: number;
  readonly byLane: Readonly<Record<Lane, number>>;
  /** Held by a batch, and answered by a call. */
  readonly escalated: number;
  readonly flexRefused: number;
  readonly jobs: number;
  readonly cancelled: { readonly late: number; readonly slow: number };
  /** Answered by a batch and by a call as well. */
  readonly billedTwice: number;
  /** What the reports of the jobs say may be. */
  readonly reportedTwice: number;
  readonly unanswered: number;
}

const PRICE: Readonly<Record<Lane, number>> = { live: 1, flex: 0.5, native: 0.5 };

export async function runDeadlines(setting: DeadlineSetting): Promise<DeadlineResult> {
  const { flexRefusedShare, seed } = setting;
  const run = await runPlanned({
    requests: requestsOf(setting),
    lanes: flexRefusedShare === null ? ['live', 'native'] : ['live', 'flex', 'native'],
    tickMs: TICK_MS,
    // Room for a thousand calls a second: deadlines are to be decided by lanes, not by limits.
    limits: { perMinute: { requests: 60_000 } },
    batches: {
      turnaroundMs: ({ createdAtMs, slackMs }) => turnaroundMs(setting, createdAtMs, slackMs),
      cancelMs: (nth) => Math.min(LONGEST_CANCEL_MS, drawLognormal(seed, nth, 5, CANCEL)),
    },
    calls: {
      answerMs: (nth) => answerMs(setting, nth),
      refusesFlex: (nth) => isFlexRefused(setting, nth),
    },
  });
  return resultOf(setting, run);
}

function resultOf(setting: DeadlineSetting, run: PlannedResult): DeadlineResult {
  const byLane = { live: 0, flex: 0, native: 0 };
  const sums = { cost: 0, oracleCost: 0, strictOracleCost: 0, missed: 0, missedAvoidably: 0 };
  let escalated = 0;
  let billedTwice = 0;
  let unanswered = 0;
  for (const [nth, planned] of run.requests.entries()) {
    const { request, outcome, bills, finishedAtMs, firstPlace } = planned;
    const deadlineAtMs = request.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    byLane[outcome.lane] += 1;
    sums.cost += bills.reduce((sum, lane) => sum + PRICE[lane], 0);
    sums.oracleCost += oracleCost(setting, nth, planned, isEndedInTime);
    sums.strictOracleCost += oracleCost(setting, nth, planned, isDoneInTime);
    if (bills.length > 1) billedTwice += 1;
    if (bills.length === 0) unanswered += 1;
    if (firstPlace !== null && outcome.lane !== 'native') escalated += 1;
    if (outcome.status === 'succeeded' && finishedAtMs <= deadlineAtMs) continue;
    sums.missed += 1;
    if (request.createdAtMs + answerMs(setting, nth) <= deadlineAtMs) sums.missedAvoidably += 1;
  }
  return {
    ...sums,
    ...{ byLane, escalated, billedTwice, unanswered },
    flexRefused: run.calls.flexRefused,
    jobs: run.jobs.length,
    cancelled: run.cancelled,
    reportedTwice: run.jobs.reduce((sum, { released }) => sum + released, 0),
  };
}

interface Place {
  readonly createdAtMs: number;
  readonly turnaroundMs: number;
  readonly share: number;
}

/** Seen by a look at the jobs at or before the deadline. */
function isEndedInTime({ createdAtMs, turnaroundMs: takesMs }: Place, deadlineAtMs: number) {
  const endedAtMs = createdAtMs + takesMs;
  return takesMs <= DAY_MS && Math.ceil(endedAtMs / TICK_MS) * TICK_MS <= deadlineAtMs;
}

/** Its own row, wherever the batch is by then. */
function isDoneInTime({ createdAtMs, turnaroundMs: takesMs, share }: Place, deadlineAtMs: number) {
  const doneAfterMs = Math.min(takesMs, 2 * DAY_MS) * share;
  return doneAfterMs <= DAY_MS && createdAtMs + doneAfterMs <= deadlineAtMs;
}

/** Half the price where the batch it is in, or would have been in, makes it in time. */
function oracleCost(
  setting: DeadlineSetting,
  nth: number,
  { request: { createdAtMs, deadlineAtMs }, firstPlace }: PlannedRequest,
  isInTime: (place: Place, deadlineAtMs: number) => boolean,
): number {
  if (deadlineAtMs === null) return PRICE.live;
  const windowMs = deadlineAtMs - createdAtMs;
  const hasFlex = setting.flexRefusedShare !== null && windowMs >= FLEX_NEEDS_MS;
  if (hasFlex && !isFlexRefused(setting, nth)) return PRICE.flex;
  const builtAtMs = Math.ceil((createdAtMs + gatherMs(windowMs)) / TICK_MS) * TICK_MS;
  const place = firstPlace ?? {
    createdAtMs: builtAtMs,
    turnaroundMs: turnaroundMs(setting, builtAtMs, deadlineAtMs - builtAtMs),
    share: drawShare(setting.seed, nth, 9),
  };
  return isInTime(place, deadlineAtMs) ? PRICE.native : PRICE.live;
}

function requestsOf({ seed, count, windows, arrivalMs }: DeadlineSetting): TimedRequest[] {
  return Array.from({ length: count }, (_, nth) => {
    const share = drawShare(seed, nth, 20);
    const windowMs =
      windows === 'uniform'
        ? SHORTEST_MS + share * (DAY_MS - SHORTEST_MS)
        : SHORTEST_MS * (DAY_MS / SHORTEST_MS) ** share;
    const createdAtMs = Math.round(drawShare(seed, nth, 21) * arrivalMs);
    return {
      createdAtMs,
      deadlineAtMs: Math.round(createdAtMs + windowMs),
      maxOutputTokens: 64 + Math.floor(drawShare(seed, nth, 22) * 193),
    };
  });
}

const MOST_CLASSES = 64;

/** One draw for each instant and class of deadlines, so that the oracle can ask for any batch. */
function turnaroundMs(
  { seed, turnaround }: DeadlineSetting,
  createdAtMs: number,
  slackMs: number | null,
): number {
  const group = slackMs === null ? MOST_CLASSES - 1 : (deadlineClass(slackMs, 0) ?? 0);
  const nth = Math.floor(createdAtMs / TICK_MS) * MOST_CLASSES + group;
  return drawShare(seed, nth, 1) < EXPIRING_SHARE
    ? Number.POSITIVE_INFINITY
    : drawLognormal(seed, nth, 2, turnaround);
}

function answerMs({ seed }: DeadlineSetting, nth: number): number {
  return drawLognormal(seed, nth, 8, ANSWER);
}

function isFlexRefused({ seed, flexRefusedShare }: DeadlineSetting, nth: number): boolean {
  return drawShare(seed, nth, 40) < (flexRefusedShare ?? 1);
}
