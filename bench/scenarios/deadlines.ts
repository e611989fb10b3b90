/**
 * 10,000 single requests with deadlines from 10 seconds to 24 hours, in virtual time: how many are
 * missed, and what it costs beside one who knows in advance how long each native job will take.
 */

import { drawLognormal, drawShare, numberOf, type Spread } from '../deadlines/draws.ts';
import { type DeadlineResult, runDeadlines, type TimedRequest } from '../deadlines/model.ts';
import { asCount, asRatio, atMost, type Goal } from '../goals.ts';
import type { BenchContext, FigureTable, ScenarioReport } from '../scenario.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const SHORTEST_MS = 10_000;
const EXPIRING_SHARE = 0.05;
const TICK_MS = MINUTE_MS;
const MOST_OVER_ORACLE = 1.05;
const SEEDS = { full: 5, quick: 2 };

/** Of native jobs. The last has the tail of most of a day. */
const TURNAROUNDS: readonly (readonly [name: string, spread: Spread])[] = [
  ['P50 7 min, P95 110 min', { p50Ms: 7 * MINUTE_MS, p95Ms: 110 * MINUTE_MS }],
  ['P50 1 h, P95 10 h', { p50Ms: HOUR_MS, p95Ms: 10 * HOUR_MS }],
];
const CANCEL: Spread = { p50Ms: 15_000, p95Ms: 120_000 };
const ANSWER: Spread = { p50Ms: 800, p95Ms: 1_770 };
const WINDOWS = ['log-uniform', 'uniform'] as const;
const ARRIVALS = [
  ['at once', 0],
  ['within 1 h', HOUR_MS],
  ['within 12 h', 12 * HOUR_MS],
] as const;

export async function deadlines({ seed, isQuick, say }: BenchContext): Promise<ScenarioReport> {
  const count = isQuick ? 1_000 : 10_000;
  const seeds = isQuick ? SEEDS.quick : SEEDS.full;
  const rows: string[][] = [];
  const goals: Goal[] = [];
  const facts: Record<string, readonly DeadlineResult[]> = {};
  for (const [turnaround, spread] of TURNAROUNDS) {
    for (const windows of WINDOWS) {
      for (const [arrival, arrivalMs] of ARRIVALS) {
        const where = `${turnaround}; deadlines ${windows}; ${arrival}`;
        say(`${asCount(count)} requests: ${where}`);
        const results = Array.from({ length: seeds }, (_, at) =>
          runOnce(seed + at, count, spread, windows, arrivalMs),
        );
        facts[where] = results;
        rows.push([where, ...figures(results, count)]);
        goals.push(...goalsOf(where, results));
      }
    }
  }
  const table: FigureTable = {
    title: 'Deadlines from 10 s to 24 h',
    setting: `${asCount(count)} single requests, ${seeds} seeds each (sums, and the worst for ratios). The planner's own rules in an event model: live at list price or native at half price, no flex; a look at the jobs every ${TICK_MS / 1_000} s; ${EXPIRING_SHARE * 100} % of jobs expire; rows of a job are done evenly and cannot be seen before its end; cancelling takes P50 15 s, P95 2 min; live answers P50 0.8 s, P95 1.77 s, without a limit. Oracle: for each request, half the price if the job that the planner's own rules would put it in ends in time, which it knows in advance. Strict oracle: the best of its next four jobs; no planner can know that, so it is no goal where deadlines are short.`,
    header: [
      '',
      'missed',
      'cost of all live',
      'beside the oracle',
      'beside the strict one',
      'jobs',
      'cancelled late / slow',
      'run live in the end',
      'billed twice',
    ],
    rows,
  };
  return { name: 'deadlines', comparisons: [], tables: [table], goals, facts };
}

function runOnce(
  seed: number,
  count: number,
  spread: Spread,
  windows: (typeof WINDOWS)[number],
  arrivalMs: number,
): DeadlineResult {
  const requests = Array.from({ length: count }, (_, nth): TimedRequest => {
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
  return runDeadlines({
    requests,
    tickMs: TICK_MS,
    turnaroundMs: (job) =>
      drawShare(seed, numberOf(job), 1) < EXPIRING_SHARE
        ? Number.POSITIVE_INFINITY
        : drawLognormal(seed, numberOf(job), 2, spread),
    cancelMs: (nth) => drawLognormal(seed, nth, 5, CANCEL),
    answerMs: (nth) => drawLognormal(seed, nth, 8, ANSWER),
  });
}

const sum = (results: readonly DeadlineResult[], read: (result: DeadlineResult) => number) =>
  results.reduce((total, result) => total + read(result), 0);
const worst = (results: readonly DeadlineResult[], read: (result: DeadlineResult) => number) =>
  Math.max(...results.map(read));
const overOracle = ({ cost, oracleCost }: DeadlineResult) => cost / oracleCost;
const overStrict = ({ cost, strictOracleCost }: DeadlineResult) => cost / strictOracleCost;

function figures(results: readonly DeadlineResult[], count: number): string[] {
  return [
    `${asCount(sum(results, ({ missed }) => missed))}`,
    `${((100 * sum(results, ({ cost }) => cost)) / (results.length * count)).toFixed(1)} %`,
    asRatio(worst(results, overOracle)),
    asRatio(worst(results, overStrict)),
    asCount(sum(results, ({ jobs }) => jobs)),
    `${asCount(sum(results, ({ cancelled }) => cancelled.late))} / ${asCount(sum(results, ({ cancelled }) => cancelled.slow))}`,
    asCount(sum(results, ({ escalated }) => escalated)),
    asCount(sum(results, ({ billedTwice }) => billedTwice)),
  ];
}

function goalsOf(where: string, results: readonly DeadlineResult[]): Goal[] {
  return [
    atMost(0, {
      where,
      what: 'deadlines missed that a lane could have met',
      value: sum(results, ({ missedAvoidably }) => missedAvoidably),
      format: asCount,
    }),
    atMost(MOST_OVER_ORACLE, {
      where,
      what: 'cost beside the oracle, worst seed',
      value: worst(results, overOracle),
      format: asRatio,
    }),
  ];
}
