import { METRICS } from '../../contracts/metric-names.ts';
import { concernOf } from '../../domain/native/native-job.ts';
import type { NativeDeps, TickReport } from './native-deps.ts';

/**
 * Measures after a tick what alarms look at, and logs each job that does not move: on one machine
 * once, on AWS, where ticks are made anew, each minute, so that the log of any hour names it. Zeros are
 * told too, so that quiet can be told from broken.
 */
export function createWatchNativeJobs({
  jobs,
  clock,
  telemetry,
}: Pick<NativeDeps, 'jobs' | 'clock' | 'telemetry'>): (report: TickReport) => Promise<void> {
  const told = new Set<string>();
  return async ({ failed }) => {
    const nowMs = clock.nowMs();
    let stuck = 0;
    for (const job of await jobs.open()) {
      const concern = concernOf(job, nowMs);
      if (concern === null) continue;
      stuck += 1;
      if (told.has(job.id)) continue;
      told.add(job.id);
      const { id, provider, phase, batchId } = job;
      const fields = { job: id, provider, phase, batch: batchId, concern };
      telemetry.log('error', 'A batch job does not move', fields);
    }
    telemetry.count(METRICS.nativeJobsStuck, stuck);
    telemetry.count(METRICS.nativeJobsUnseen, failed);
    telemetry.count(METRICS.nativeResultsLost, 0);
  };
}
