import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type {
  PollNativeBatches,
  PollNativeBatchesReport,
} from '../../shared/usecases/poll-native-batches.ts';

/** Adapts one tick to the use case. */
export function createHandler(pollNativeBatches: PollNativeBatches, telemetry: Telemetry) {
  return async (): Promise<PollNativeBatchesReport> => {
    const report = await pollNativeBatches();
    telemetry.log('info', 'Polled batch jobs', { ...report });
    return report;
  };
}
