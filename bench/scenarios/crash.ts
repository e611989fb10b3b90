/** `kill -9` in the middle of a run, again and again: nothing lost, nothing twice, little re-bought. */

import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAnswers } from '../answers.ts';
import { asCount, atLeast, atMost } from '../goals.ts';
import { expectExit } from '../processes/measured-process.ts';
import { type PenstockRun, startPenstockRun } from '../processes/penstock-process.ts';
import { type SimulatorProcess, startSimulatorProcess } from '../processes/simulator-process.ts';
import type { BenchContext, ScenarioReport } from '../scenario.ts';
import { type Draws, seededDraws } from '../seeded.ts';
import { writeWorkload } from '../workload.ts';

const MODEL = 'gpt-4o-mini';
/** How long a run is let work, from its first call on. Unit: ms. */
const LIFE_MS = { least: 300, most: 2_500 };
const LIMITS = { requestsPerMinute: 12_000 };
const DEPTH_SECONDS = 1;
const POLL_MS = 20;
/** What the provider had in work when the client died has arrived in its books by then. */
const SETTLE_MS = 100;

interface Kill {
  readonly afterMs: number;
  readonly admitted: number;
  readonly recorded: number;
  /** In work at the provider as the client died. */
  readonly atProvider: number;
  /** Calls begun in this life whose answers the disk does not hold. */
  readonly inFlight: number;
}

export async function crash(context: BenchContext): Promise<ScenarioReport> {
  const { scratch, seed, isQuick, say } = context;
  const count = isQuick ? 1_200 : 3_000;
  const times = isQuick ? 2 : 5;
  const inputPath = scratch.path('crash.jsonl');
  await writeWorkload(inputPath, { dialect: 'openai', model: MODEL, count, seed, kind: 'tiny' });
  const simulator = await startSimulatorProcess(scratch, {
    seed,
    limits: { ...LIMITS, depthSeconds: DEPTH_SECONDS },
    latency: { p50Ms: 100, p95Ms: 300 },
  });
  try {
    const outputPath = scratch.path('crash-answers.jsonl');
    const run: PenstockRun = {
      inputPath,
      outputPath,
      providerUrl: simulator.url,
      dialect: 'openai',
      model: MODEL,
      limits: LIMITS,
    };
    say(`${asCount(count)} requests: Penstock, killed ${times} times`);
    const startedAtMs = Date.now();
    const draws = seededDraws(seed);
    const kills: Kill[] = [];
    for (let time = 1; time <= times; time += 1) {
      kills.push(await runAndKill(context, run, simulator, draws, kills.at(-1)));
    }
    await expectExit(startPenstockRun(scratch, run), 'Penstock after the last kill', [0, 1]);
    const answers = await checkAnswers(outputPath, { requests: count, startedAtMs });
    const books = await simulator.books();
    const inFlight = kills.reduce((sum, kill) => sum + kill.inFlight, 0);
    const where = `${asCount(count)} requests, killed ${times} times`;
    const counted = { where, format: asCount };
    return {
      name: 'crash',
      comparisons: [],
      facts: { kills, admitted: books.admitted, repeatedCalls: books.duplicates },
      goals: [
        atLeast(count, { ...counted, what: 'answered', value: answers.answered }),
        atMost(0, {
          ...counted,
          what: 'lines twice or misplaced',
          value: answers.repeatedLines + answers.misplaced,
        }),
        atMost(inFlight, {
          ...counted,
          what: 'extra calls, beside what was in flight at the kills',
          value: books.admitted - count,
        }),
      ],
    };
  } finally {
    await simulator.stop();
  }
}

/** Lets a run live for a random while after its first call, kills it, and counts what is left. */
async function runAndKill(
  { scratch }: BenchContext,
  run: PenstockRun,
  simulator: SimulatorProcess,
  draws: Draws,
  before: Kill | undefined,
): Promise<Kill> {
  const { child, finished } = startPenstockRun(scratch, run);
  const admittedBefore = before?.admitted ?? 0;
  while ((await simulator.books()).admitted === admittedBefore) {
    if (child.exitCode !== null) {
      const { notes } = await finished;
      throw new Error(`Penstock ended with ${child.exitCode} before its first call:\n${notes}`);
    }
    await sleep(POLL_MS);
  }
  const afterMs = draws.between(LIFE_MS.least, LIFE_MS.most);
  await sleep(afterMs);
  if (child.exitCode !== null) throw new Error('Penstock was done before it could be killed.');
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  const atProvider = (await simulator.books()).inFlight;
  await exit;
  await sleep(SETTLE_MS);
  const { admitted } = await simulator.books();
  const recorded = recordedLines(`${run.outputPath}.state`);
  const inFlight = admitted - admittedBefore - (recorded - (before?.recorded ?? 0));
  return { afterMs, admitted, recorded, atProvider, inFlight };
}

/** Whole lines in the result log: what survives, published or not. */
function recordedLines(stateDirectory: string): number {
  return readdirSync(stateDirectory)
    .filter((name) => /^results-\d+\.jsonl$/.test(name))
    .map((name) => readFileSync(join(stateDirectory, name), 'latin1').split('\n').length - 1)
    .reduce((sum, lines) => sum + lines, 0);
}
