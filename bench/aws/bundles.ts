/** Size of each function's bundle, and how long it takes to load in a fresh process. */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { atMost, type Goal } from '../goals.ts';
import type { FigureTable } from '../scenario.ts';

const MEASURE = fileURLToPath(new URL('../../scripts/measure-bundles.ts', import.meta.url));
const MOST_BYTES = 1_500_000;
const MOST_INIT_MS = 300;
/** Those a caller waits for. */
const JUDGED = new Set(['api', 'dispatch']);

const measured = z.array(
  z.object({
    name: z.string(),
    bytes: z.number(),
    rankBytes: z.number(),
    initMs: z.object({ least: z.number(), median: z.number() }),
  }),
);

const asKilobytes = (bytes: number): string => `${Math.round(bytes / 1_000)} KB`;
const asMs = (ms: number): string => `${ms.toFixed(0)} ms`;

export function measureBundles(): { readonly table: FigureTable; readonly goals: Goal[] } {
  const printed = execFileSync(process.execPath, [MEASURE, '--json'], { encoding: 'utf8' });
  const functions = measured.parse(JSON.parse(printed));
  return {
    table: {
      title: 'Bundles of the functions',
      setting:
        'Minified ESM as deployed. Token ranks are a file of their own, loaded only where tokens are counted. Load time of a fresh Node process, best and middle of nine.',
      header: ['', 'code', 'token ranks', 'load, best', 'load, middle'],
      rows: functions.map(({ name, bytes, rankBytes, initMs }) => [
        name,
        asKilobytes(bytes),
        asKilobytes(rankBytes),
        asMs(initMs.least),
        asMs(initMs.median),
      ]),
    },
    goals: functions
      .filter(({ name }) => JUDGED.has(name))
      .flatMap(({ name, bytes, initMs }) => [
        atMost(MOST_BYTES, { where: name, what: 'bundle', value: bytes, format: asKilobytes }),
        atMost(MOST_INIT_MS, { where: name, what: 'load', value: initMs.median, format: asMs }),
      ]),
  };
}
