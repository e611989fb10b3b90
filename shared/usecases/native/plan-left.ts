/** What becomes of rows that their batch has not run. */

import type { NativeJob } from '../../domain/native/native-job.ts';
import type { Route } from '../../domain/requests/request.ts';
import type { ManifestRow } from './manifest.ts';
import type { NativeDeps } from './native-deps.ts';

/** A batch is tried again where calls for all rows of the job would fit this share of what is then left. */
export const CALLS_SHARE = 1 / 2;

/**
 * The queue each waits in now. Where time ran out, or we gave the batch up, another one if the
 * deadline leaves time for it; what a provider dropped of its own accord is told apart by calls, and
 * what asked for a batch and had it.
 */
export async function planLeft(
  {
    clock,
    models,
    planAgain,
    callsMs,
  }: Pick<NativeDeps, 'clock' | 'models' | 'planAgain' | 'callsMs'>,
  { model: name, cancelWantedAtMs, end, rowCount, inputTokens, maxOutputTokens }: NativeJob,
  rows: readonly ManifestRow[],
): Promise<Route[]> {
  const model = models.get(name);
  const isOutOfTime = cancelWantedAtMs !== null || end === 'expired';
  if (model === undefined || planAgain === undefined || !isOutOfTime) return rows.map(() => 'sync');
  const nowMs = clock.nowMs();
  // Each row alone has time; all of them share the limits.
  const needMs = await callsMs(name, { requests: rowCount, inputTokens, maxOutputTokens });
  return Promise.all(
    rows.map((row) =>
      row.lane === 'native' ||
      row.deadlineAtMs === null ||
      needMs > CALLS_SHARE * (row.deadlineAtMs - nowMs)
        ? 'sync'
        : planAgain({ ...row, model: name }, model, nowMs),
    ),
  );
}
