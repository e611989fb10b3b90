/** Moves requests with time to spare out of long queues of calls, to where a batch is made of them. */

import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import type { LaneOutlook } from '../../domain/lanes/plan-lane.ts';
import { type LeasedRequest, PRIORITIES, type Route } from '../../domain/requests/request.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { WorkStore } from '../../ports/request-store.ts';
import type { Routable } from '../native/plan-route.ts';

export interface RelieveDeps {
  readonly work: Pick<WorkStore, 'lease' | 'defer'>;
  readonly models: { values(): Iterable<ModelSettings> };
  readonly clock: Clock;
  readonly random: Random;
  readonly outlook: (model: string) => Promise<LaneOutlook | null>;
  readonly route: (request: Routable) => Promise<Route>;
}

/** Queues that are worked off sooner are left as they are. Unit: ms. */
const LONG_QUEUE_MS = 10 * 60_000;
const ROWS_PER_RELIEF = 500;
const RELIEF_LEASE_MS = 30_000;

/** How many requests it moved. */
export async function relieveQueues(deps: RelieveDeps): Promise<number> {
  let moved = 0;
  for (const model of deps.models.values()) {
    if (!model.lanes.includes('native')) continue;
    const facts = await deps.outlook(model.name);
    if (facts === null || facts.backlogMs < LONG_QUEUE_MS || !facts.hasNativeRoom) continue;
    moved += await relieveModel(deps, model);
  }
  return moved;
}

/**
 * A bounded look at the head of the queue: what is not moved is handed back as it was. Requests
 * that somebody waits for are let alone: a worker that came for them meanwhile would find nothing.
 */
async function relieveModel(
  { work, clock, random, route }: RelieveDeps,
  { name }: ModelSettings,
): Promise<number> {
  const nowMs = clock.nowMs();
  const rows = await work.lease({
    model: name,
    fromPriority: PRIORITIES.standard,
    owner: random.id('planner_'),
    nowMs,
    expiresAtMs: nowMs + RELIEF_LEASE_MS,
    limit: ROWS_PER_RELIEF,
  });
  // What may share an opening can be cheaper by calls, and would come back from the builder.
  const routes = await Promise.all(
    rows.map((row) => (row.prefixKey === null ? route(row) : ('sync' as const))),
  );
  await work.defer(rows.map((row, index) => handBack(row, routes[index] ?? 'sync', nowMs)));
  return routes.filter((one) => one === 'native').length;
}

function handBack(row: LeasedRequest, route: Route, notBeforeMs: number) {
  const { id, tenant, fence, attempts, firstAttemptAtMs } = row;
  return { id, tenant, fence, attempts, firstAttemptAtMs, notBeforeMs, route };
}
