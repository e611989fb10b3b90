/** How much memory a file takes that is far larger than what is in flight. */

import { runPenstock } from '../approaches.ts';
import { asCount, atMost } from '../goals.ts';
import type { BenchContext, ScenarioReport } from '../scenario.ts';
import { writeWorkload } from '../workload.ts';

const MOST_MIB = 400;
const MODEL = 'gpt-4o-mini';

export async function memory(context: BenchContext): Promise<ScenarioReport> {
  const { scratch, seed, isQuick, say } = context;
  const count = isQuick ? 20_000 : 200_000;
  const inputPath = scratch.path('large.jsonl');
  await writeWorkload(inputPath, { dialect: 'openai', model: MODEL, count, seed, kind: 'tiny' });
  say(`${asCount(count)} lines: Penstock`);
  const penstock = await runPenstock(
    {
      scratch,
      inputPath,
      requests: count,
      dialect: 'openai',
      model: MODEL,
      provider: { seed, latency: { minMs: 2, maxMs: 5 } },
    },
    {},
  );
  const where = `${asCount(count)} lines`;
  return {
    name: 'memory',
    comparisons: [
      {
        title: 'A large file',
        setting: `${asCount(count)} tiny requests, no limit, service time 2 to 5 ms.`,
        rows: [penstock],
        columns: ['requests', 'wall', 'rate', 'cpu', 'memory', 'lost', 'repeated'],
      },
    ],
    goals: [
      atMost(MOST_MIB, {
        where,
        what: 'peak resident memory',
        value: penstock.peakRssMib ?? Number.POSITIVE_INFINITY,
        format: (mib) => `${mib.toFixed(0)} MiB`,
      }),
      atMost(0, { where, what: 'lost', value: penstock.lost, format: asCount }),
    ],
  };
}
