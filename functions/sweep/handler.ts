import type { Context } from 'aws-lambda';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { Sweep, SweepReport } from '../../shared/usecases/sweep.ts';

/** Kept back from the Lambda deadline to send what was found and to measure. Unit: ms. */
const RESERVE_MS = 10_000;

/** Adapts one tick to the use case. */
export function createHandler(sweep: Sweep, clock: Clock, telemetry: Telemetry) {
  return async (_event: unknown, context: Context): Promise<SweepReport> => {
    const deadlineMs = clock.nowMs() + context.getRemainingTimeInMillis() - RESERVE_MS;
    const report = await sweep({ deadlineMs });
    telemetry.log('info', 'Swept', { ...report });
    return report;
  };
}
