/** In which queue a request waits: the least rule, until lanes are planned by what is expected of them. */

import type { ModelSettings } from '../../domain/model-limits.ts';
import type { RequestSpec, Route } from '../../domain/request.ts';

/** Chooses the queue of a request, when it is accepted and when it is gathered. Pure. */
export type PlanRoute = (
  request: Pick<RequestSpec, 'lane' | 'deadlineAtMs'>,
  model: Pick<ModelSettings, 'lanes'>,
  nowMs: number,
) => Route;

/** Time to the deadline from which a native batch is worth a try. Unit: ms. */
const NATIVE_NEEDS_MS = 2 * 3_600_000;

export const planRoute: PlanRoute = ({ lane, deadlineAtMs }, { lanes }, nowMs) => {
  if (!lanes.includes('native')) return 'sync';
  if (lane !== null) return lane === 'native' ? 'native' : 'sync';
  return deadlineAtMs !== null && deadlineAtMs - nowMs >= NATIVE_NEEDS_MS ? 'native' : 'sync';
};
