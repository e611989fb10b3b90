/** In which queue a request waits: the least rule, for where nothing is known of the lanes. */

import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import type { RequestSpec, Route } from '../../domain/requests/request.ts';

/** What of a request its queue depends on. */
export type Routable = Pick<
  RequestSpec,
  'model' | 'lane' | 'deadlineAtMs' | 'inputTokens' | 'maxOutputTokens'
>;

/** Chooses the queue of a request, when it is accepted, when it is gathered, and when it comes back. */
export type PlanRoute = (
  request: Routable,
  model: Pick<ModelSettings, 'lanes'>,
  nowMs: number,
) => Route | Promise<Route>;

/** Time to the deadline from which a native batch is worth a try. Unit: ms. */
const NATIVE_NEEDS_MS = 2 * 3_600_000;

export function planRoute(
  { lane, deadlineAtMs }: Pick<Routable, 'lane' | 'deadlineAtMs'>,
  { lanes }: Pick<ModelSettings, 'lanes'>,
  nowMs: number,
): Route {
  if (!lanes.includes('native')) return 'sync';
  if (lane !== null) return lane === 'native' ? 'native' : 'sync';
  return deadlineAtMs !== null && deadlineAtMs - nowMs >= NATIVE_NEEDS_MS ? 'native' : 'sync';
}
