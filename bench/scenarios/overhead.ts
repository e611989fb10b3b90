/** What the engine itself costs: no limit, a provider that answers in 2 to 5 ms, tiny prompts. */

import { runPenstock, runSdk } from '../approaches.ts';
import { asCount, atLeast, atMost } from '../goals.ts';
import type { BenchContext, ScenarioReport } from '../scenario.ts';
import { writeWorkload } from '../workload.ts';

const LEAST_PER_SECOND = 2_000;
const POOL = 64;
const MODEL = 'gpt-4o-mini';

export async function overhead(context: BenchContext): Promise<ScenarioReport> {
  const { scratch, seed, isQuick, say } = context;
  const count = isQuick ? 5_000 : 20_000;
  const inputPath = scratch.path('tiny.jsonl');
  await writeWorkload(inputPath, { dialect: 'openai', model: MODEL, count, seed, kind: 'tiny' });
  const provider = { seed, latency: { minMs: 2, maxMs: 5 } };
  const setting = {
    scratch,
    inputPath,
    requests: count,
    dialect: 'openai',
    model: MODEL,
    provider,
  } as const;
  say(`${asCount(count)} tiny requests without limits: Penstock`);
  const penstock = await runPenstock(setting, {});
  say(`${asCount(count)} tiny requests without limits: the official SDK in a pool of ${POOL}`);
  const approach = `official SDK, pool of ${POOL}`;
  const bare = await runSdk(setting, { approach, inFlight: POOL, retries: 0 });
  const where = penstock.approach;
  const perThousand = (seconds: number): string => `${seconds.toFixed(2)} s CPU per 1,000`;
  return {
    name: 'overhead',
    comparisons: [
      {
        title: 'Overhead',
        setting: `${asCount(count)} tiny requests, no limit, service time 2 to 5 ms. Penstock validates, counts tokens and commits every answer to disk; the SDK writes a line and keeps nothing.`,
        rows: [penstock, bare],
        columns: ['requests', 'wall', 'rate', 'cpu', 'memory', 'lost', 'repeated'],
      },
    ],
    goals: [
      atLeast(LEAST_PER_SECOND, {
        where,
        what: 'durable answers a second, from the first call to the end of the process',
        value: penstock.answersPerSecond,
        format: asCount,
      }),
      atMost(bare.cpuSecondsPer1000 ?? 0, {
        where,
        what: 'CPU of the whole process beside the bare SDK',
        value: penstock.cpuSecondsPer1000 ?? Number.POSITIVE_INFINITY,
        format: perThousand,
      }),
      atMost(0, { where, what: 'lost', value: penstock.lost, format: asCount }),
    ],
  };
}
