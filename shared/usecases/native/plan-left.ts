/** What becomes of rows that their batch has not run. */

import type { NativeJob } from '../../domain/native/native-job.ts';
import type { Route } from '../../domain/requests/request.ts';
import type { ManifestRow } from './manifest.ts';
import type { NativeDeps } from './native-deps.ts';

/**
 * The queue each waits in now. Where time ran out, or we gave the batch up, another one if the
 * deadline leaves time for it; what a provider dropped of its own accord is told apart by calls, and
 * what asked for a batch and had it.
 */
export async function planLeft(
  { clock, models, planAgain }: Pick<NativeDeps, 'clock' | 'models' | 'planAgain'>,
  { model: name, cancelWantedAtMs, end }: NativeJob,
  rows: readonly ManifestRow[],
): Promise<Route[]> {
  const model = models.get(name);
  const isOutOfTime = cancelWantedAtMs !== null || end === 'expired';
  if (model === undefined || planAgain === undefined || !isOutOfTime) return rows.map(() => 'sync');
  const nowMs = clock.nowMs();
  return Promise.all(
    rows.map((row) =>
      row.lane === 'native' || row.deadlineAtMs === null
        ? 'sync'
        : planAgain({ ...row, model: name }, model, nowMs),
    ),
  );
}
