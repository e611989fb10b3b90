/**
 * A provider's batch of the largest size: its rows sent, its results read, and its results taken in
 * until every row is published, in little memory.
 */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { asCount, atLeast, atMost, type Goal } from '../goals.ts';
import { expectExit, startMeasured } from '../processes/measured-process.ts';
import type { BenchContext, ScenarioReport } from '../scenario.ts';

const MOST_MIB = 300;
const MOST_SECONDS = 60;
const BYTES_PER_MIB = 2 ** 20;

const KILLS = 5;
/** As the first line of `bin/penstock.js` has it. */
const FLAGS = '--max-semi-space-size=16';

const startSchema = z.object({ url: z.url() });
const timesSchema = z.object({
  sendSeconds: z.number(),
  readSeconds: z.number(),
  answered: z.number(),
  bytes: z.number(),
});

export async function nativeRows({ scratch, isQuick, say }: BenchContext): Promise<ScenarioReport> {
  const rows = isQuick ? 10_000 : 50_000;
  const server = scratch.start('bench/processes/rows-server.ts', [], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (server.stdout === null) throw new Error('The server was started without its output.');
  const [line] = await once(createInterface(server.stdout), 'line');
  const { url } = startSchema.parse(JSON.parse(String(line)));
  const goals: Goal[] = [];
  const facts: Record<string, unknown> = {};
  for (const dialect of ['openai', 'anthropic']) {
    say(`${asCount(rows)} rows of a native batch: ${dialect}`);
    const args = [url, dialect, String(rows)];
    const measured = startMeasured(scratch, 'bench/processes/native-rows.ts', args);
    const { output, usage } = await expectExit(measured, 'native-rows', [0]);
    const times = timesSchema.parse(JSON.parse(output));
    const peakMib = (usage?.peakRssBytes ?? Number.POSITIVE_INFINITY) / BYTES_PER_MIB;
    facts[dialect] = { ...times, peakMib, cpuMs: usage?.cpuMs };
    const where = `${asCount(rows)} rows, ${dialect}`;
    const seconds = (value: number): string => `${value.toFixed(1)} s`;
    const mib = (value: number): string => `${value.toFixed(0)} MiB`;
    goals.push(
      atLeast(rows, { where, what: 'answers read', value: times.answered, format: asCount }),
      atMost(MOST_SECONDS, { where, what: 'sent in', value: times.sendSeconds, format: seconds }),
      atMost(MOST_SECONDS, { where, what: 'read in', value: times.readSeconds, format: seconds }),
      atMost(MOST_MIB, { where, what: 'peak resident memory', value: peakMib, format: mib }),
    );
  }
  await takenIn(url, rows, { scratch, say }, goals, facts);
  server.kill('SIGTERM');
  return { name: 'native-rows', comparisons: [], goals, facts };
}

const takenSchema = z.object({ seconds: z.number(), succeeded: z.number() });

/** Taken in by one process, and by one that is killed again and again. */
async function takenIn(
  url: string,
  rows: number,
  { scratch, say }: Pick<BenchContext, 'scratch' | 'say'>,
  goals: Goal[],
  facts: Record<string, unknown>,
): Promise<void> {
  say(`${asCount(rows)} rows of a native batch: taken in`);
  const begin = (directory: string, ...more: string[]) =>
    startMeasured(
      scratch,
      'bench/processes/native-ingestion.ts',
      [url, String(rows), directory, ...more],
      { environment: { NODE_OPTIONS: FLAGS } },
    );
  const calm = scratch.path('native-calm');
  await expectExit(begin(calm, 'prepare'), 'native-ingestion', [0]);
  const { output, usage } = await expectExit(begin(calm), 'native-ingestion', [0]);
  const taken = takenSchema.parse(JSON.parse(output));
  const peakMib = (usage?.peakRssBytes ?? Number.POSITIVE_INFINITY) / BYTES_PER_MIB;

  const rough = scratch.path('native-rough');
  await expectExit(begin(rough, 'prepare'), 'native-ingestion', [0]);
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const victim = begin(rough);
    await delay(500 + (kill * taken.seconds * 1_000) / (2 * KILLS));
    victim.child.kill('SIGKILL');
    await victim.finished;
  }
  const last = await expectExit(begin(rough), 'native-ingestion', [0]);
  const afterKills = takenSchema.parse(JSON.parse(last.output));
  facts['takenIn'] = { ...taken, peakMib, cpuMs: usage?.cpuMs, kills: KILLS, afterKills };
  const where = `${asCount(rows)} rows, taken in`;
  const published = { where, format: asCount };
  goals.push(
    atLeast(rows, { ...published, what: 'published', value: taken.succeeded }),
    atLeast(rows, {
      ...published,
      what: `published through ${KILLS} kills`,
      value: afterKills.succeeded,
    }),
    atMost(MOST_SECONDS, {
      where,
      what: 'in',
      value: taken.seconds,
      format: (value) => `${value.toFixed(1)} s`,
    }),
    atMost(MOST_MIB, {
      where,
      what: `peak resident memory, ${FLAGS}`,
      value: peakMib,
      format: (value) => `${value.toFixed(0)} MiB`,
    }),
  );
}
