/**
 * 10,000 single requests with deadlines from 10 seconds to 24 hours, through the real engine in
 * virtual time: how many are missed, and what it costs beside one who knows in advance how long
 * each native batch will take.
 */

import {
  type DeadlineResult,
  type DeadlineSetting,
  EXPIRING_SHARE,
  runDeadlines,
  TICK_MS,
} from '../../test/support/deadline-run.ts';
import type { Spread } from '../../test/support/draws.ts';
import { asCount, asRatio, atMost, type Goal } from '../goals.ts';
import type { BenchContext, FigureTable, ScenarioReport } from '../scenario.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const MOST_OVER_ORACLE = 1.05;
const FLEX_REFUSED_SHARE = 0.5;
const SEEDS = { full: 2, quick: 1 };
/** A few batches decide on all of what comes at once: more draws, so that chance does not. */
const SEEDS_AT_ONCE = { full: 6, quick: 6 };

/** Of native batches. The last has the tail of most of a day. */
const TURNAROUNDS: readonly (readonly [name: string, spread: Spread])[] = [
  ['P50 7 min, P95 110 min', { p50Ms: 7 * MINUTE_MS, p95Ms: 110 * MINUTE_MS }],
  ['P50 1 h, P95 10 h', { p50Ms: HOUR_MS, p95Ms: 10 * HOUR_MS }],
];
const WINDOWS = ['log-uniform', 'uniform'] as const;
const ARRIVALS = [
  ['at once', 0],
  ['within 1 h', HOUR_MS],
  ['within 12 h', 12 * HOUR_MS],
] as const;

type Case = readonly [where: string, setting: Omit<DeadlineSetting, 'seed' | 'count'>];

export async function deadlines({ seed, isQuick, say }: BenchContext): Promise<ScenarioReport> {
  const count = isQuick ? 1_000 : 10_000;
  const rows: string[][] = [];
  const goals: Goal[] = [];
  const facts: Record<string, readonly DeadlineResult[]> = {};
  for (const [where, setting] of casesOf()) {
    say(`${asCount(count)} requests: ${where}`);
    const results: DeadlineResult[] = [];
    const { full, quick } = setting.arrivalMs === 0 ? SEEDS_AT_ONCE : SEEDS;
    const seeds = isQuick ? quick : full;
    for (let at = 0; at < seeds; at += 1) {
      results.push(await runDeadlines({ ...setting, count, seed: seed + at }));
    }
    facts[where] = results;
    rows.push([where, ...figures(results, count)]);
    goals.push(...goalsOf(where, results));
  }
  const table: FigureTable = {
    title: 'Deadlines from 10 s to 24 h',
    setting: `${asCount(count)} single requests, ${isQuick ? 'one seed' : `${SEEDS.full} seeds`} each, and ${SEEDS_AT_ONCE.full} where all come at once, since some twenty batches then decide on all (sums; of the ratios that of the sums, and the worst seed's). The real planner, native tick and dispatcher over SQLite, on a virtual clock; live at list price, native (and flex, where the row says so) at half price; a look at the jobs every ${TICK_MS / 1_000} s; ${EXPIRING_SHARE * 100} % of batches expire; rows of a batch are done evenly and cannot be seen before its end; cancelling takes P50 15 s, P95 2 min; live answers P50 0.8 s, P95 1.77 s; 60,000 requests a minute. Oracle: for each request, half the price if the batch it is in, or would have been in, ends in time, which it knows in advance. Strict oracle: half the price if its own row is done in time, although its batch is not; nobody can see that, so it is no goal.`,
    header: [
      '',
      'missed',
      'cost of all live',
      'beside the oracle (worst seed)',
      'beside the strict one',
      'batches',
      'cancelled late / slow',
      'from a batch to a call',
      'flex / live in the end',
      'billed twice (reported)',
    ],
    rows,
  };
  return { name: 'deadlines', comparisons: [], tables: [table], goals, facts };
}

function* casesOf(): Generator<Case> {
  for (const [name, turnaround] of TURNAROUNDS) {
    for (const windows of WINDOWS) {
      for (const [arrival, arrivalMs] of ARRIVALS) {
        const where = `${name}; deadlines ${windows}; ${arrival}`;
        yield [where, { turnaround, windows, arrivalMs, flexRefusedShare: null }];
      }
    }
    const where = `${name}; deadlines log-uniform; within 1 h; flex, without room for half`;
    const rest = { windows: 'log-uniform', arrivalMs: HOUR_MS } as const;
    yield [where, { turnaround, ...rest, flexRefusedShare: FLEX_REFUSED_SHARE }];
  }
}

const sum = (results: readonly DeadlineResult[], read: (result: DeadlineResult) => number) =>
  results.reduce((total, result) => total + read(result), 0);
const worst = (results: readonly DeadlineResult[], read: (result: DeadlineResult) => number) =>
  Math.max(...results.map(read));
const overOracle = ({ cost, oracleCost }: DeadlineResult) => cost / oracleCost;
const besideOracle = (results: readonly DeadlineResult[]) =>
  sum(results, ({ cost }) => cost) / sum(results, ({ oracleCost }) => oracleCost);
const overStrict = ({ cost, strictOracleCost }: DeadlineResult) => cost / strictOracleCost;

function figures(results: readonly DeadlineResult[], count: number): string[] {
  const total = (read: (result: DeadlineResult) => number) => asCount(sum(results, read));
  return [
    total(({ missed }) => missed),
    `${((100 * sum(results, ({ cost }) => cost)) / (results.length * count)).toFixed(1)} %`,
    `${asRatio(besideOracle(results))} (${asRatio(worst(results, overOracle))})`,
    asRatio(worst(results, overStrict)),
    total(({ jobs }) => jobs),
    `${total(({ cancelled }) => cancelled.late)} / ${total(({ cancelled }) => cancelled.slow)}`,
    total(({ escalated }) => escalated),
    `${total(({ byLane }) => byLane.flex)} / ${total(({ byLane }) => byLane.live)}`,
    `${total(({ billedTwice }) => billedTwice)} (${total(({ reportedTwice }) => reportedTwice)})`,
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
      what: 'cost beside the oracle',
      value: besideOracle(results),
      format: asRatio,
    }),
    atMost(0, {
      where,
      what: 'requests billed twice that no report tells of, and unanswered ones',
      value: sum(
        results,
        ({ billedTwice, reportedTwice, unanswered }) =>
          Math.max(0, billedTwice - reportedTwice) + unanswered,
      ),
      format: asCount,
    }),
  ];
}
