/**
 * Loaded into a measured process ahead of its own code (`node --import`): as the process ends, it
 * writes what the operating system counted for it. That is exact where sampling from outside is not:
 * CPU of all threads to the last moment, and the peak of the resident memory.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { USAGE_FILE_VARIABLE } from './process-usage.ts';

const STATUS = '/proc/self/status';
const KIB = 1_024;

const path = process.env[USAGE_FILE_VARIABLE];
if (isMainThread && path !== undefined) {
  // What this process starts must not overwrite the file with its own.
  delete process.env[USAGE_FILE_VARIABLE];
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    const usage = {
      cpuMs: (userCPUTime + systemCPUTime) / 1_000,
      peakRssBytes: (highWaterKib() ?? maxRSS) * KIB,
    };
    writeFileSync(path, JSON.stringify(usage));
  });
}

/** Linux's `maxRSS` starts at what the parent held when it forked; this mark is the process's own. */
function highWaterKib(): number | undefined {
  if (!existsSync(STATUS)) return undefined;
  const mark = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8'))?.[1];
  return mark === undefined ? undefined : Number(mark);
}
