/**
 * Eight workers, each a process with requests of its own, share one limit through a DynamoDB item
 * on the emulator. The simulator's books say how much of the limit they used, and what it refused.
 */

import { existsSync, writeFileSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTable } from '../../test/support/aws-resources.ts';
import { asCount, asPercent, atLeast, atMost, type Goal } from '../goals.ts';
import { type Measurement, measure } from '../measurement.ts';
import type { WorkerOrders } from '../processes/dispatch-worker.ts';
import { expectExit, type FinishedProcess, startMeasured } from '../processes/measured-process.ts';
import { writeConfig } from '../processes/penstock-process.ts';
import { startSimulatorProcess } from '../processes/simulator-process.ts';
import type { BenchContext, Comparison } from '../scenario.ts';
import { CHARS_PER_TOKEN, type WorkloadLine, workloadLines } from '../workload.ts';

const WORKERS = 8;
const LEAST_UTILIZATION = 0.95;
const MOST_REFUSED = 0.001;
const MODEL = 'gpt-4o-mini';
const POLL_MS = 50;

interface Cell {
  readonly name: string;
  readonly depthSeconds: number;
  readonly requests: number;
  /** How long the limit makes the file take, at least. */
  readonly seconds: number;
}

export async function measureLimitSharing(
  context: BenchContext,
): Promise<{ readonly comparison: Comparison; readonly goals: Goal[] }> {
  const size = context.isQuick
    ? { requests: 1_200, seconds: 15 }
    : { requests: 6_400, seconds: 60 };
  const depths = context.isQuick ? [6] : [1, 6, 60];
  const cells = depths.map((depthSeconds) => ({
    ...size,
    depthSeconds,
    name: `${WORKERS} workers, total tokens, ${depthSeconds} s deep`,
  }));
  const rows: Measurement[] = [];
  for (const cell of cells) {
    context.say(`${cell.name}: one limit through DynamoDB on the emulator`);
    rows.push(await runCell(context, cell));
  }
  return {
    comparison: {
      title: 'Many workers, one limit',
      setting: `${WORKERS} processes with ${asCount(size.requests / WORKERS)} requests each. They meet only in the capacity item of one DynamoDB table, on the emulator (MiniStack). Service time lognormal, P50 0.80 s, P95 1.77 s. CPU and memory: the sum of all, and the largest.`,
      rows,
      columns: [
        'requests',
        'wall',
        'utilization',
        'refused',
        'fromFirstAttempt',
        'providerP95',
        'cpu',
        'memory',
        'lost',
        'repeated',
      ],
    },
    goals: rows.flatMap(goalsOf),
  };
}

function goalsOf(row: Measurement): Goal[] {
  const where = row.approach;
  return [
    atLeast(LEAST_UTILIZATION, {
      where,
      what: 'utilization of the shared limit',
      value: row.binding?.utilization ?? 0,
      format: asPercent,
    }),
    atMost(MOST_REFUSED, { where, what: '429s', value: row.refusedShare, format: asPercent }),
    atMost(0, {
      where,
      what: 'lost, answered twice or called twice',
      value: row.lost + row.repeatedLines + row.misplaced + row.avoidableCalls,
      format: asCount,
    }),
  ];
}

async function runCell(context: BenchContext, cell: Cell): Promise<Measurement> {
  const { scratch, seed } = context;
  const lines = [
    ...workloadLines({
      dialect: 'openai',
      model: MODEL,
      count: cell.requests,
      seed,
      kind: 'tickets',
    }),
  ];
  const units = lines.reduce(
    (sum, { promptChars, maxTokens }) => sum + promptChars / CHARS_PER_TOKEN + maxTokens,
    0,
  );
  const tokensPerMinute = Math.round((units * 60) / (cell.depthSeconds + cell.seconds));
  const limits = { requestsPerMinute: 100_000, tokensPerMinute };
  const simulator = await startSimulatorProcess(scratch, {
    seed,
    limits: {
      ...limits,
      depthSeconds: cell.depthSeconds,
      charge: 'sum',
      refusalCostsRequest: true,
    },
    tokens: { charsPerToken: CHARS_PER_TOKEN },
  });
  try {
    const configPath = writeConfig(scratch, {
      ...{ providerUrl: simulator.url, dialect: 'openai', model: MODEL, limits },
    });
    const orders = await writeOrders(context, lines, configPath);
    const { outputPath, finished } = await runWorkers(context, orders);
    const books = await simulator.books();
    return await measure({
      ...{ approach: cell.name, requests: cell.requests, outputPath, finished, books },
    });
  } finally {
    await simulator.stop();
  }
}

/** Deals the requests out, one to each worker in turn. */
async function writeOrders(
  { scratch }: BenchContext,
  lines: readonly WorkloadLine[],
  configPath: string,
): Promise<WorkerOrders[]> {
  const table = await createTable();
  const goPath = scratch.path('go');
  const orders = Array.from({ length: WORKERS }, (_, worker) => {
    const inputPath = scratch.path('part.jsonl');
    const part = lines.filter((_line, index) => index % WORKERS === worker);
    writeFileSync(inputPath, part.map(({ text }) => `${text}\n`).join(''));
    return {
      ...{ inputPath, configPath, table, goPath },
      outputPath: scratch.path('answers.jsonl'),
      stateDirectory: scratch.path('state'),
      readyPath: scratch.path('ready'),
    };
  });
  return orders;
}

async function runWorkers(
  { scratch }: BenchContext,
  orders: readonly WorkerOrders[],
): Promise<{ readonly outputPath: string; readonly finished: FinishedProcess }> {
  const workers = orders.map((order) =>
    startMeasured(scratch, 'bench/processes/dispatch-worker.ts', [JSON.stringify(order)]),
  );
  const ending = workers.map((worker, number) => expectExit(worker, `Worker ${number}`, [0]));
  const failing = Promise.all(ending);
  while (!orders.every(({ readyPath }) => existsSync(readyPath))) {
    await Promise.race([sleep(POLL_MS), failing]);
  }
  const startedAtMs = Date.now();
  writeFileSync(orders[0]?.goPath ?? '', '');
  const ended = await failing;
  const wallMs = Date.now() - startedAtMs;
  const outputPath = scratch.path('all-answers.jsonl');
  for (const order of orders) await appendFile(outputPath, await readFile(order.outputPath));
  const usages = ended.flatMap(({ usage }) => usage ?? []);
  const usage = {
    cpuMs: usages.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    peakRssBytes: Math.max(...usages.map(({ peakRssBytes }) => peakRssBytes)),
  };
  const finished = { exitCode: 0, output: '', notes: '', startedAtMs, wallMs, usage };
  return { outputPath, finished };
}
