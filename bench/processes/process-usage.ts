import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/** Names the file in which a measured process leaves its usage. */
export const USAGE_FILE_VARIABLE = 'BENCH_USAGE_FILE';

const usageSchema = z.object({
  /** User and system time of all threads, from start to exit. */
  cpuMs: z.number(),
  peakRssBytes: z.number(),
});

export type ProcessUsage = z.output<typeof usageSchema>;

/** What a process left of itself, or `null` when it was killed. */
export function readUsage(path: string): ProcessUsage | null {
  return existsSync(path) ? usageSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) : null;
}
