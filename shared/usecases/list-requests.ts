import type { LaneDecision } from '../domain/lanes/plan-lane.ts';
import type { RequestView } from '../domain/requests/request.ts';
import type { ListFilter, RequestStore } from '../ports/request-store.ts';
import type { Planner } from './planning/planner.ts';

export interface ListedRequest {
  readonly view: RequestView;
  /** What is planned for it; `null` once it has ended. */
  readonly plan: LaneDecision | null;
}

export interface RequestPage {
  readonly items: readonly ListedRequest[];
  readonly hasMore: boolean;
}

/**
 * One page of a tenant's requests, newest first.
 *
 * @throws {AppError} `invalid_request` when the cursor names no request of the tenant.
 */
export type ListRequests = (filter: ListFilter) => Promise<RequestPage>;

export function createListRequests(
  requests: RequestStore,
  planner?: Pick<Planner, 'explain'>,
): ListRequests {
  return async (filter) => {
    const { items, hasMore } = await requests.list(filter);
    const plans = await Promise.all(items.map((view) => planner?.explain(view) ?? null));
    return { items: items.map((view, at) => ({ view, plan: plans[at] ?? null })), hasMore };
  };
}
