/** A provider's batch of the largest size: its rows sent, and its results read, in little memory. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { asCount, atLeast, atMost, type Goal } from '../goals.ts';
import { expectExit, startMeasured } from '../processes/measured-process.ts';
import type { BenchContext, ScenarioReport } from '../scenario.ts';

const MOST_MIB = 300;
const MOST_SECONDS = 60;
const BYTES_PER_MIB = 2 ** 20;

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
  server.kill('SIGTERM');
  return { name: 'native-rows', comparisons: [], goals, facts };
}
