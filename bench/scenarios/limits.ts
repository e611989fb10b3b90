/**
 * How much of a limit is used, and how often the provider has to say 429: first a run of 5,500
 * requests beside the naive ways, then every depth of bucket with every limit that can bind, and
 * last what happens where the configuration or the token count is a fifth off.
 */

import { runPenstock, runSdk, type Setting } from '../approaches.ts';
import { asCount, asPercent, asRatio, atLeast, atMost, type Goal } from '../goals.ts';
import type { Measurement } from '../measurement.ts';
import type { DeclaredLimits } from '../processes/penstock-process.ts';
import type { LimitName } from '../processes/simulator-process.ts';
import type { BenchContext, ColumnName, Comparison, ScenarioReport } from '../scenario.ts';
import {
  CHARS_PER_TOKEN,
  CHARS_PER_TOKEN_ALONE,
  type WorkloadShape,
  type WorkloadSize,
  writeWorkload,
} from '../workload.ts';

const LEAST_UTILIZATION = 0.97;
const MOST_REFUSED = 0.001;
/** Where the configuration or the token count is wrong. */
const MOST_REFUSED_MISTAKEN = 0.01;
const MOST_LATENCY_RATIO = 1.05;
/** How far the declared limit or the token count is off. */
const MISTAKE = 1.2;

const OPENAI_MODEL = 'gpt-4o-mini';
const ANTHROPIC_MODEL = 'claude-haiku-4-5';

const COLUMNS: readonly ColumnName[] = [
  'requests',
  'wall',
  'utilization',
  'refused',
  'fromSubmission',
  'fromFirstAttempt',
  'providerP95',
  'cpu',
  'memory',
  'lost',
  'repeated',
  'cost',
];

export async function limits(context: BenchContext): Promise<ScenarioReport> {
  const comparisons: Comparison[] = [];
  const goals: Goal[] = [];
  if ('naive'.includes(context.match)) {
    const naive = await compareWithNaive(context);
    comparisons.push(naive);
    goals.push(...goalsOf(naive.rows[0], MOST_REFUSED));
  }
  const cells = allCells(context.isQuick).filter(({ name }) => name.includes(context.match));
  const rows: Measurement[] = [];
  for (const cell of cells) {
    context.say(`${cell.name}: Penstock`);
    const row = await runCell(context, cell);
    rows.push(row);
    goals.push(...goalsOf(row, cell.mostRefused));
    if (row.binding?.limit !== cell.binds) {
      throw new Error(
        `${cell.name}: ${row.binding?.limit} was used most; the cell is set up wrong.`,
      );
    }
  }
  if (rows.length > 0) {
    comparisons.push({
      title: 'Each limit, each depth of bucket, and two mistakes',
      setting: `Penstock alone. Service time lognormal, P50 0.80 s, P95 1.77 s. Each limit is set so that the file takes about ${CELL_SECONDS.full} s; input and output tokens speak the Anthropic dialect.`,
      rows,
      columns: COLUMNS,
    });
  }
  return { name: 'limits', comparisons, goals };
}

function goalsOf(row: Measurement | undefined, mostRefused: number): Goal[] {
  if (row === undefined) return [];
  const where = row.approach;
  return [
    atLeast(LEAST_UTILIZATION, {
      where,
      what: 'utilization of the binding limit',
      value: row.binding?.utilization ?? 0,
      format: asPercent,
    }),
    atMost(mostRefused, { where, what: '429s', value: row.refusedShare, format: asPercent }),
    atMost(0, { where, what: 'lost', value: row.lost, format: asCount }),
    atMost(0, {
      where,
      what: 'repeated lines, misplaced answers, avoidable calls',
      value: row.repeatedLines + row.misplaced + row.avoidableCalls,
      format: asCount,
    }),
    atMost(MOST_LATENCY_RATIO, {
      where,
      what: "P95 from first attempt beside the provider's own",
      value: row.fromFirstAttemptMs.p95 / row.providerMs.p95,
      format: asRatio,
    }),
  ];
}

/** Both directions of the naive way beside Penstock, on one file. */
async function compareWithNaive(context: BenchContext): Promise<Comparison> {
  const { scratch, seed, isQuick } = context;
  const count = isQuick ? 1_500 : 5_500;
  const sampled = isQuick ? 10 : 100;
  const declared = { requestsPerMinute: 12_000, tokensPerMinute: 8_000_000 };
  const shape: WorkloadShape = {
    dialect: 'openai',
    model: OPENAI_MODEL,
    count,
    seed,
    kind: 'tickets',
  };
  const inputPath = scratch.path('tickets.jsonl');
  await writeWorkload(inputPath, shape);
  const setting: Setting = {
    scratch,
    inputPath,
    requests: count,
    dialect: 'openai',
    model: OPENAI_MODEL,
    provider: {
      seed,
      limits: { ...declared, depthSeconds: 6, charge: 'sum', refusalCostsRequest: true },
      tokens: { charsPerToken: CHARS_PER_TOKEN },
    },
  };
  const samplePath = scratch.path('sample.jsonl');
  await writeWorkload(samplePath, { ...shape, count: sampled });
  context.say(`${asCount(count)} requests: Penstock`);
  const penstock = await runPenstock(setting, declared);
  context.say(`${asCount(count)} requests: the official SDK, all at once`);
  const unpaced = await runSdk(setting, {
    approach: 'official SDK, all at once, its own retries',
    inFlight: 'all',
    retries: 'default',
  });
  context.say(
    `${asCount(count)} requests: the official SDK in a pool of 80, and ${sampled} one after the other`,
  );
  // One call at a time costs next to no CPU, so it may run beside the pool.
  const [pool, sequential] = await Promise.all([
    runSdk(setting, { approach: 'official SDK, pool of 80', inFlight: 80, retries: 'default' }),
    runSdk(
      { ...setting, inputPath: samplePath, requests: sampled },
      {
        approach: `official SDK, sequential (first ${sampled} only)`,
        inFlight: 1,
        retries: 'default',
      },
    ),
  ]);
  return {
    title: 'Beside the naive ways',
    setting: `${asCount(count)} requests of 1,200 shared and 50 to 300 own tokens, max_tokens 64 to 256. Limits: 12,000 requests and 8,000,000 tokens a minute in buckets 6 s deep, full at the start; prompt and max_tokens are charged at admission; a 429 costs a request. Service time lognormal, P50 0.80 s, P95 1.77 s. Total tokens bind.`,
    rows: [penstock, sequential, unpaced, pool],
    columns: COLUMNS,
  };
}

interface Cell {
  readonly name: string;
  readonly binds: LimitName;
  readonly depthSeconds: number;
  readonly count: number;
  readonly seconds: number;
  /** The declared limit, as a multiple of the provider's. */
  readonly declaredRatio: number;
  /** Tokens the provider counts, as a multiple of the tokenizer's. */
  readonly density: number;
  readonly mostRefused: number;
}

/** How long a cell's limit makes it take, at least. */
const CELL_SECONDS = { full: 30, quick: 12 };
const BINDING: Readonly<Record<string, LimitName>> = {
  requests: 'requests',
  'input tokens': 'inputTokens',
  'output tokens': 'outputTokens',
  'total tokens': 'totalTokens',
};

function allCells(isQuick: boolean): Cell[] {
  const common = {
    count: isQuick ? 1_000 : 5_000,
    seconds: isQuick ? CELL_SECONDS.quick : CELL_SECONDS.full,
    declaredRatio: 1,
    density: 1,
    mostRefused: MOST_REFUSED,
  };
  const matrix = [1, 6, 60].flatMap((depthSeconds) =>
    Object.entries(BINDING).map(([what, binds]) => ({
      ...common,
      name: `${what}, ${depthSeconds} s deep`,
      binds,
      depthSeconds,
    })),
  );
  const mistaken = { ...common, depthSeconds: 6, mostRefused: MOST_REFUSED_MISTAKEN };
  const mistakes: Cell[] = Object.entries(BINDING).map(([what, binds]) => ({
    ...mistaken,
    name: `${what}, declared 20 % too high`,
    binds,
    declaredRatio: MISTAKE,
  }));
  mistakes.push({
    ...mistaken,
    name: 'total tokens, counted 20 % denser',
    binds: 'totalTokens',
    density: MISTAKE,
  });
  const isInQuick = ({ name }: Cell): boolean =>
    ['requests, 1 s', 'output tokens, 6 s', 'total tokens, counted'].some((start) =>
      name.startsWith(start),
    );
  return [...matrix, ...mistakes].filter((cell) => !isQuick || isInQuick(cell));
}

async function runCell(context: BenchContext, cell: Cell): Promise<Measurement> {
  const { scratch, seed } = context;
  const isAnthropic = cell.binds === 'inputTokens' || cell.binds === 'outputTokens';
  const dialect = isAnthropic ? 'anthropic' : 'openai';
  const model = isAnthropic ? ANTHROPIC_MODEL : OPENAI_MODEL;
  // Anthropic does not charge cached input: alone, each ticket costs what it holds.
  const kind = isAnthropic ? 'alone' : 'tickets';
  const charsPerToken = (isAnthropic ? CHARS_PER_TOKEN_ALONE : CHARS_PER_TOKEN) / cell.density;
  const inputPath = scratch.path('cell.jsonl');
  const size = await writeWorkload(inputPath, { dialect, model, count: cell.count, seed, kind });
  const limit = bindingLimit(cell, unitsOf(size, cell.binds, charsPerToken));
  const provider = {
    seed,
    limits: {
      ...(cell.binds === 'requests' ? {} : { requestsPerMinute: AMPLE.requestsPerMinute }),
      ...limit,
      depthSeconds: cell.depthSeconds,
      charge: 'sum',
      refusalCostsRequest: true,
    },
    tokens: { charsPerToken },
  } as const;
  const declared = Object.fromEntries(
    Object.entries(limit).map(([name, value]) => [name, Math.round(value * cell.declaredRatio)]),
  );
  const setting = { scratch, inputPath, requests: cell.count, dialect, model, provider } as const;
  return runPenstock(setting, declared, { approach: cell.name });
}

/** A second limit that is always there and never binds. */
const AMPLE = { requestsPerMinute: 100_000 };

/** What the whole file takes from the limit. */
function unitsOf(size: WorkloadSize, limit: LimitName, charsPerToken: number): number {
  const input = size.promptChars / charsPerToken;
  switch (limit) {
    case 'inputTokens':
      return input;
    case 'outputTokens':
      return size.maxTokens * OUTPUT_SHARE;
    case 'totalTokens':
      return input + size.maxTokens;
    default:
      return size.requests;
  }
}

/** How much of `max_tokens` the simulator's answers use, on average. */
const OUTPUT_SHARE = 0.65;

/** The limit under which the file takes so many seconds: the full bucket first, the refill after. */
function bindingLimit({ binds, depthSeconds, seconds }: Cell, units: number): DeclaredLimits {
  const perMinute = Math.round((units * 60) / (depthSeconds + seconds));
  switch (binds) {
    case 'inputTokens':
      return { inputTokensPerMinute: perMinute };
    case 'outputTokens':
      return { outputTokensPerMinute: perMinute };
    case 'totalTokens':
      return { tokensPerMinute: perMinute };
    default:
      return { requestsPerMinute: perMinute };
  }
}
