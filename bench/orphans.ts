/** `kill -9` in the middle: how many answers were paid for that nobody will ever have. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAnswers } from './answers.ts';
import type { PenstockUse, Setting } from './approaches.ts';
import { expectExit, startMeasured } from './processes/measured-process.ts';
import { type DeclaredLimits, startPenstockRun } from './processes/penstock-process.ts';
import { type SimulatorProcess, startSimulatorProcess } from './processes/simulator-process.ts';

const POLL_MS = 50;
/** A fifth has been sent: less than a full bucket lets through at once. */
const KILLED_AT = 5;
/** What the provider had in work has arrived in its books by then. */
const SETTLE_MS = 4_000;

/** A script of the SDK, killed once a fifth was sent; a batch, once it has been created. */
export async function orphansOfSdk(
  setting: Setting,
  script: 'sdk-client.ts' | 'sdk-batch.ts',
  settleMs = SETTLE_MS,
): Promise<number> {
  const { scratch, inputPath, requests } = setting;
  const simulator = await startSimulatorProcess(scratch, setting.provider);
  try {
    const outputPath = scratch.path('orphans.jsonl');
    const pool = script === 'sdk-client.ts' ? ['all', 'default'] : [];
    const args = [inputPath, outputPath, simulator.url, ...pool];
    const { child } = startMeasured(scratch, `bench/baselines/${script}`, args);
    if (script === 'sdk-batch.ts') await sleep(SETTLE_MS);
    else await untilAdmitted(simulator, requests / KILLED_AT, child);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await sleep(settleMs);
    const { billed } = await simulator.books();
    return Math.max(0, billed - linesOf(outputPath));
  } finally {
    await simulator.stop();
  }
}

export interface PenstockOrphans {
  /** Requests without an answer after the same command was given again. */
  readonly orphans: number;
  /** Answers paid for twice: what was under way at the kill, at most. */
  readonly paidTwice: number;
}

/** Penstock, killed like the others, then started again with the same command. */
export async function orphansOfPenstock(
  setting: Setting,
  limits: DeclaredLimits,
  { lanes = ['live'], window }: PenstockUse,
): Promise<PenstockOrphans> {
  const { scratch, inputPath, requests, dialect, model } = setting;
  const simulator = await startSimulatorProcess(scratch, setting.provider);
  try {
    const outputPath = scratch.path('orphans.jsonl');
    const run = {
      inputPath,
      outputPath,
      providerUrl: simulator.url,
      dialect,
      model,
      limits,
      lanes,
      ...(window === undefined ? {} : { window }),
    };
    const { child } = startPenstockRun(scratch, run);
    if (window === '24h') await sleep(2 * SETTLE_MS);
    else await untilAdmitted(simulator, requests / KILLED_AT, child);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await expectExit(startPenstockRun(scratch, run), 'Penstock after the kill', [0, 1]);
    const { answered } = await checkAnswers(outputPath, { requests, startedAtMs: 0 });
    const { billed } = await simulator.books();
    return { orphans: requests - answered, paidTwice: Math.max(0, billed - requests) };
  } finally {
    await simulator.stop();
  }
}

async function untilAdmitted(
  simulator: SimulatorProcess,
  count: number,
  child: ChildProcess,
): Promise<void> {
  while ((await simulator.books()).admitted < count) {
    if (child.exitCode !== null) throw new Error('It was done before it could be killed.');
    await sleep(POLL_MS);
  }
}

function linesOf(path: string): number {
  if (!existsSync(path)) return 0;
  return readFileSync(path, 'utf8').split('\n').length - 1;
}
