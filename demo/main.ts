/**
 * `npm run demo`: one file of support tickets, answered by Penstock and the two naive ways, each
 * against a simulated provider of its own with the same limits. No key, no network, under a minute.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { runPenstock, runSdk, type Setting } from '../bench/approaches.ts';
import { asCount, asPercent } from '../bench/goals.ts';
import type { Measurement } from '../bench/measurement.ts';
import { Scratch } from '../bench/processes/scratch.ts';
import { TICKET_MODEL } from './tickets.ts';

const TICKETS = fileURLToPath(new URL('../examples/support-tickets.jsonl', import.meta.url));
const SEED = 7;
/** One after the other takes minutes, so only the first are asked and the rest is arithmetic. */
const SAMPLED = 12;
/** Small enough that the file needs some seconds of it, as a day's file needs minutes of a real one. */
const LIMITS = { requestsPerMinute: 6_000, tokensPerMinute: 2_400_000 };
const DEPTH_SECONDS = 3;

interface Way {
  readonly name: string;
  readonly measured: Measurement;
  /** How many times over the sample stands for the file. */
  readonly scale: number;
}

const scratch = new Scratch('demo');
try {
  await demo();
} finally {
  scratch.dispose();
}

async function demo(): Promise<void> {
  const lines = readFileSync(TICKETS, 'utf8').trimEnd().split('\n');
  const samplePath = scratch.path('sample.jsonl');
  writeFileSync(samplePath, `${lines.slice(0, SAMPLED).join('\n')}\n`);
  const setting: Setting = {
    scratch,
    inputPath: TICKETS,
    requests: lines.length,
    dialect: 'openai',
    model: TICKET_MODEL,
    provider: {
      seed: SEED,
      limits: { ...LIMITS, depthSeconds: DEPTH_SECONDS, charge: 'sum', refusalCostsRequest: true },
    },
  };
  console.log(
    `${asCount(lines.length)} support tickets for ${TICKET_MODEL}. The provider is simulated: ` +
      `${asCount(LIMITS.requestsPerMinute)} requests and ${asCount(LIMITS.tokensPerMinute)} tokens a minute, ` +
      'answers in 0.8 s (P50) to 1.8 s (P95).\n\nPenstock:\n',
  );
  const penstock = await runPenstock(setting, LIMITS, { isShown: true });
  console.log('\nThe same file with the official SDK: all at once, and one after the other ...\n');
  const [unpaced, sequential] = await Promise.all([
    runSdk(setting, { approach: 'unpaced', inFlight: 'all', retries: 'default' }),
    runSdk(
      { ...setting, inputPath: samplePath, requests: SAMPLED },
      { approach: 'sequential', inFlight: 1, retries: 'default' },
    ),
  ]);
  const ways: Way[] = [
    { name: 'Penstock', measured: penstock, scale: 1 },
    { name: 'SDK, all at once', measured: unpaced, scale: 1 },
    {
      name: `SDK, sequential (${SAMPLED} asked, scaled)`,
      measured: sequential,
      scale: lines.length / SAMPLED,
    },
  ];
  console.log(tableOf(ways));
  console.log(`\n${conclusion(penstock, unpaced, sequential, lines.length / SAMPLED)}`);
}

function tableOf(ways: readonly Way[]): string {
  const table = new Table({
    head: ['', 'answered', 'wall s', 'P95 of a call s', '429s', 'cost', 'cost per 10,000 answers'],
    style: { head: [], border: [] },
  });
  for (const { name, measured, scale } of ways) {
    const answered = measured.answered * scale;
    table.push([
      name,
      `${asCount(answered)} of ${asCount(measured.requests * scale)}`,
      (measured.wallSeconds * scale).toFixed(1),
      (measured.fromFirstAttemptMs.p95 / 1_000).toFixed(2),
      `${asCount(measured.refused)} (${asPercent(measured.refusedShare)})`,
      `$${(measured.costUsd * scale).toFixed(4)}`,
      answered === 0 ? '-' : `$${((measured.costUsd * scale * 10_000) / answered).toFixed(2)}`,
    ]);
  }
  return table.toString();
}

function conclusion(
  penstock: Measurement,
  unpaced: Measurement,
  sequential: Measurement,
  scale: number,
): string {
  const faster = (sequential.wallSeconds * scale) / penstock.wallSeconds;
  const used = penstock.binding === null ? '' : asPercent(penstock.binding.utilization);
  return (
    `Penstock answered ${asCount(penstock.answered)} of ${asCount(penstock.requests)} with ` +
    `${asCount(penstock.refused)} 429s, using ${used} of the limit: ${faster.toFixed(0)} times as fast as ` +
    `one after the other. All at once met ${asCount(unpaced.refused)} 429s and lost ` +
    `${asCount(unpaced.lost)} tickets.`
  );
}
