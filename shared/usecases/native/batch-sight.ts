import type { NativeBatchView } from '../../domain/native/native-batch.ts';
import type { NativeJobSight } from '../../domain/native/native-job.ts';

/** What is remembered of a batch for whoever watches. */
export function sightOf({ rawStatus, isCancelling, counts }: NativeBatchView): NativeJobSight {
  const { total = 0, completed = 0, failed = 0 } = counts ?? {};
  return { rawStatus, isCancelling, total, completed, failed };
}
