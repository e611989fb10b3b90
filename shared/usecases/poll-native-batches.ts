import type { NativeJobs } from '../ports/native-jobs.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export interface PollNativeBatchesReport {
  readonly open: number;
  readonly ended: number;
  /** Jobs that could not be looked at; they are looked at again a minute later. */
  readonly failed: number;
}

/** Looks once at every batch job that is open. One that fails does not keep the others waiting. */
export type PollNativeBatches = () => Promise<PollNativeBatchesReport>;

export function createPollNativeBatches(deps: {
  readonly jobs: NativeJobs;
  readonly telemetry: Telemetry;
}): PollNativeBatches {
  const { jobs, telemetry } = deps;
  return async () => {
    const open = await jobs.open();
    const polled = await Promise.allSettled(open.map((job) => jobs.poll(job)));
    polled.forEach((result, index) => {
      if (result.status === 'fulfilled') return;
      telemetry.log('error', 'A batch job could not be polled', {
        ...open[index],
        error: result.reason,
      });
    });
    return {
      open: open.length,
      ended: polled.filter((result) => result.status === 'fulfilled' && result.value).length,
      failed: polled.filter(({ status }) => status === 'rejected').length,
    };
  };
}
