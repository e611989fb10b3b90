/** The table at the head of the design: what 10,000 requests cost, and how long they take, each way. */

import { type PenstockUse, runPenstock, runSdk, runSdkBatch, type Setting } from '../approaches.ts';
import { asCount, asPercent, asRatio, atMost, type Goal } from '../goals.ts';
import type { Measurement } from '../measurement.ts';
import { orphansOfPenstock, orphansOfSdk } from '../orphans.ts';
import type { BenchContext, FigureTable, ScenarioReport } from '../scenario.ts';
import { CHARS_PER_TOKEN, type WorkloadShape, writeWorkload } from '../workload.ts';

const MODEL = 'gpt-4o-mini';
const LIMITS = { requestsPerMinute: 12_000, tokensPerMinute: 8_000_000 };
const PER = 10_000;
/** Real batches take minutes to hours; here they end within the bench. Unit: ms. */
const TURNAROUND_MS = 20_000;
const MOST_REFUSED = 0.001;
const MOST_LATENCY_RATIO = 1.05;
/** Of auto with a day, beside the plain native batch. */
const MOST_COST_RATIO = 1.001;

interface Row {
  readonly measured: Measurement;
  /** Requests that stand for all; figures are scaled by it. */
  readonly sampled: number | null;
  /** After a kill; `null` where it says nothing. */
  readonly orphans: number | null;
}

export async function headTable(context: BenchContext): Promise<ScenarioReport> {
  const { scratch, seed, isQuick, say, match } = context;
  const count = isQuick ? 1_000 : PER;
  const sampled = isQuick ? 20 : 100;
  const shape: WorkloadShape = { dialect: 'openai', model: MODEL, count, seed, kind: 'tickets' };
  const inputPath = scratch.path('head.jsonl');
  const { promptChars, maxTokens } = await writeWorkload(inputPath, shape);
  const setting: Setting = {
    scratch,
    inputPath,
    requests: count,
    dialect: 'openai',
    model: MODEL,
    provider: {
      seed,
      limits: { ...LIMITS, depthSeconds: 6, charge: 'sum', refusalCostsRequest: true },
      tokens: { charsPerToken: CHARS_PER_TOKEN },
      batches: { turnaround: { minMs: TURNAROUND_MS, maxMs: TURNAROUND_MS } },
    },
  };
  const samplePath = scratch.path('head-sample.jsonl');
  await writeWorkload(samplePath, { ...shape, count: sampled });
  const killPath = scratch.path('head-kill.jsonl');
  const killed = isQuick ? 600 : 2_000;
  await writeWorkload(killPath, { ...shape, count: killed });
  const sample: Setting = { ...setting, inputPath: samplePath, requests: sampled };
  const kill: Setting = { ...setting, inputPath: killPath, requests: killed };

  const penstock = (approach: string, use: PenstockUse) => async (): Promise<Row> => {
    const measured = await runPenstock(setting, LIMITS, { ...use, approach });
    const { orphans } = await orphansOfPenstock(kill, LIMITS, use);
    return { measured, sampled: null, orphans };
  };
  const ways: readonly (readonly [name: string, run: () => Promise<Row>])[] = [
    [
      'sequential',
      async () => ({
        measured: await runSdk(sample, {
          approach: `sequential, official SDK (first ${sampled}, extrapolated)`,
          inFlight: 1,
          retries: 'default',
        }),
        sampled,
        orphans: null,
      }),
    ],
    [
      'naive',
      async () => ({
        measured: await runSdk(setting, {
          approach: 'all at once, official SDK',
          inFlight: 'all',
          retries: 'default',
        }),
        sampled: null,
        orphans: await orphansOfSdk(kill, 'sdk-client.ts'),
      }),
    ],
    [
      'native',
      async () => ({
        measured: await runSdkBatch(setting, 'native batch, official SDK'),
        sampled: null,
        orphans: await orphansOfSdk(kill, 'sdk-batch.ts', TURNAROUND_MS),
      }),
    ],
    ['live', penstock('Penstock live', { lanes: ['live'] })],
    ['auto 5m', penstock('Penstock auto, 5 minutes', { lanes: ['live', 'native'], window: '5m' })],
    ['auto 24h', penstock('Penstock auto, 24 hours', { lanes: ['live', 'native'], window: '24h' })],
  ];
  const rows = new Map<string, Row>();
  for (const [name, run] of ways) {
    if (!name.includes(match)) continue;
    say(`${asCount(count)} requests: ${name}`);
    rows.set(name, await run());
  }
  const tokens = promptChars / CHARS_PER_TOKEN + maxTokens;
  const limitPerSecond = Math.min(
    LIMITS.requestsPerMinute / 60,
    ((LIMITS.tokensPerMinute / 60) * count) / tokens,
  );
  const table: FigureTable = {
    title: 'Ten thousand requests, each way',
    setting: `${asCount(count)} requests of 1,200 shared and 50 to 300 own tokens, max_tokens 64 to 256, ${MODEL} at list price. Limits: 12,000 requests and 8,000,000 tokens a minute, which let ${limitPerSecond.toFixed(0)} requests a second through; prompt and max_tokens are charged at admission; a 429 costs a request. Service time lognormal, P50 0.80 s, P95 1.77 s. The simulated provider ends a native batch ${TURNAROUND_MS / 1_000} s after it was created: a setting, not a measurement; real ones take minutes to hours. Costs are for ${asCount(PER)} answers; a batch is billed at half price, without the prompt cache that live calls read from. Orphans: answers that were paid for and that nobody will have, of ${asCount(killed)} requests whose client was killed after a fifth (a batch: after it was created); Penstock was then given the same command again.`,
    header: [
      '',
      'cost / 10k answers',
      'dispatch P95',
      'submit-to-result P95',
      `answers/s (limit ${limitPerSecond.toFixed(0)})`,
      '429s / sent',
      'unanswered',
      'orphans after a kill',
    ],
    rows: [...rows.values()].map(cells),
  };
  return {
    name: 'head-table',
    comparisons: [],
    tables: [table],
    goals: goalsOf(rows),
    facts: Object.fromEntries(rows),
  };
}

function cells({ measured, sampled, orphans }: Row): string[] {
  const { approach, answered, costUsd, fromFirstAttemptMs, fromSubmissionMs } = measured;
  const scale = sampled === null ? 1 : PER / sampled;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
  return [
    approach,
    `$${((costUsd * PER) / answered).toFixed(2)}`,
    seconds(fromFirstAttemptMs.p95),
    `${sampled === null ? '' : '~'}${seconds(fromSubmissionMs.p95 * scale)}`,
    measured.answersPerSecond.toFixed(measured.answersPerSecond < 10 ? 1 : 0),
    `${asCount(measured.refused)} / ${asCount(measured.sent)} (${asPercent(measured.refusedShare)})`,
    asCount(measured.lost),
    orphans === null ? '-' : asCount(orphans),
  ];
}

function goalsOf(rows: ReadonlyMap<string, Row>): Goal[] {
  const goals: Goal[] = [];
  for (const [name, { measured, orphans }] of rows) {
    const where = measured.approach;
    if (!where.startsWith('Penstock')) continue;
    goals.push(
      atMost(0, { where, what: 'orphans after a kill', value: orphans ?? 0, format: asCount }),
      atMost(0, { where, what: 'unanswered', value: measured.lost, format: asCount }),
    );
    if (name === 'auto 24h') continue;
    goals.push(
      atMost(MOST_REFUSED, {
        where,
        what: '429s',
        value: measured.refusedShare,
        format: asPercent,
      }),
      atMost(MOST_LATENCY_RATIO, {
        where,
        what: "dispatch P95 beside the provider's own",
        value: measured.fromFirstAttemptMs.p95 / measured.providerMs.p95,
        format: asRatio,
      }),
    );
  }
  const native = rows.get('native')?.measured;
  const day = rows.get('auto 24h')?.measured;
  if (native !== undefined && day !== undefined) {
    goals.push(
      atMost(MOST_COST_RATIO, {
        where: day.approach,
        what: 'cost beside the plain native batch',
        value: day.costUsd / native.costUsd,
        format: asRatio,
      }),
    );
  }
  return goals;
}
