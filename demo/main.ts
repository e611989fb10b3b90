/**
 * `npm run demo`: one file of support tickets, answered by Penstock and in the two naive ways,
 * against a simulated provider. Needs no key and costs nothing.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runPenstock, runSdk, type Setting } from '../bench/approaches.ts';
import { Scratch } from '../bench/processes/scratch.ts';
import { formatCount } from '../cli/format.ts';
import { comparisonTable, conclusion } from './comparison.ts';
import { DEMO_LIMITS, DEMO_PROVIDER } from './provider.ts';
import { TICKET_MODEL } from './tickets.ts';

/** One call at a time, the whole file would take minutes. */
const SAMPLE = 12;

const inputPath = fileURLToPath(new URL('../examples/support-tickets.jsonl', import.meta.url));
const lines = readFileSync(inputPath, 'utf8').trimEnd().split('\n');
const scratch = new Scratch('demo');
try {
  await demonstrate();
} finally {
  scratch.dispose();
}

async function demonstrate(): Promise<void> {
  const setting: Setting = {
    scratch,
    inputPath,
    requests: lines.length,
    dialect: 'openai',
    model: TICKET_MODEL,
    provider: DEMO_PROVIDER,
  };
  const { requestsPerMinute, tokensPerMinute } = DEMO_LIMITS;
  console.log(
    `${formatCount(lines.length)} support tickets from examples/support-tickets.jsonl to triage with ${TICKET_MODEL}.
A simulated provider grants ${formatCount(requestsPerMinute)} requests and ${formatCount(tokensPerMinute)} tokens a minute; an answer takes about a second.

penstock run examples/support-tickets.jsonl`,
  );
  const penstock = await runPenstock(setting, DEMO_LIMITS, { isShown: true });
  console.log(
    `\nThe same file with the official SDK: all at once, and the first ${SAMPLE} one after the other ...`,
  );
  const samplePath = scratch.path('sample.jsonl');
  writeFileSync(samplePath, `${lines.slice(0, SAMPLE).join('\n')}\n`);
  // Each has a provider of its own, so neither takes from the other's limits.
  const [unpaced, sequential] = await Promise.all([
    runSdk(setting, { approach: 'all at once', inFlight: 'all', retries: 'default' }),
    runSdk(
      { ...setting, inputPath: samplePath, requests: SAMPLE },
      { approach: 'one after the other', inFlight: 1, retries: 'default' },
    ),
  ]);
  const figures = { requests: lines.length, penstock, unpaced, sequential };
  console.log(`\n${comparisonTable(figures)}\n\n${conclusion(figures)}`);
}
