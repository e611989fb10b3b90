import { METRICS } from '../../contracts/metric-names.ts';
import type { HeldJob } from './held-job.ts';
import type { NativeDeps, TickReport } from './native-deps.ts';

/** A batch that was deleted behind our back, or is stuck for good: its rows are run again. */
export async function loseBatch(
  { clock, telemetry }: NativeDeps,
  held: HeldJob,
  report: TickReport,
): Promise<void> {
  const { id, provider, batchId } = held.facts;
  telemetry.log('error', 'A batch is lost; its rows are run again', { job: id, provider, batchId });
  telemetry.count(METRICS.nativeResultsLost, 1, { provider });
  report.ended += 1;
  await held.enter('ended', { end: 'lost', endedAtMs: clock.nowMs() });
}
