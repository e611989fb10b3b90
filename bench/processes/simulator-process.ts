import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { SimulatorOptions } from '../../simulator/server.ts';
import type { Scratch } from './scratch.ts';

const durationsSchema = z.object({ p50: z.number(), p95: z.number(), p99: z.number() });

const bucketSchema = z.object({
  limit: z.number(),
  capacity: z.number(),
  admitted: z.number(),
  offered: z.number(),
  utilization: z.number(),
});

const statsSchema = z.object({
  received: z.number(),
  admitted: z.number(),
  refused: z.object({ total: z.number() }),
  refusedDefyingRetryAfter: z.number(),
  billed: z.number(),
  served: z.number(),
  inFlight: z.number(),
  peakInFlight: z.number(),
  distinctRequests: z.number(),
  duplicates: z.number(),
  avoidableDuplicates: z.number(),
  costMicroUsd: z.number(),
  serviceTimeMs: durationsSchema,
  models: z.record(
    z.string(),
    z.object({ buckets: z.partialRecord(z.enum(limitNames()), bucketSchema) }),
  ),
});

/** The simulator's books, as far as the bench reads them. */
export type SimulatorBooks = z.output<typeof statsSchema>;
export type LimitName = ReturnType<typeof limitNames>[number];

const startSchema = z.object({ url: z.url() });

/** The simulated provider in a process of its own, so that its CPU and memory are not the product's. */
export interface SimulatorProcess {
  readonly url: string;
  books(): Promise<SimulatorBooks>;
  stop(): Promise<void>;
}

export async function startSimulatorProcess(
  scratch: Scratch,
  options: SimulatorOptions,
): Promise<SimulatorProcess> {
  const configPath = scratch.path('simulator.json');
  writeFileSync(configPath, JSON.stringify(options));
  const child = scratch.start('simulator/main.ts', ['--config', configPath, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('The simulator was started without its output.');
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`The simulator ended at once with exit code ${code}; its reason is above.`);
    }),
  ]);
  const { url } = startSchema.parse(JSON.parse(String(line)));
  return {
    url,
    async books() {
      const response = await fetch(`${url}/_stats`);
      return statsSchema.parse(await response.json());
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}

function limitNames() {
  return ['requests', 'requestsPerDay', 'inputTokens', 'outputTokens', 'totalTokens'] as const;
}
