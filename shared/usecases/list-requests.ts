import type { RequestView } from '../domain/request.ts';
import type { ListFilter, RequestStore } from '../ports/request-store.ts';

export interface RequestPage {
  readonly items: readonly RequestView[];
  readonly hasMore: boolean;
}

/**
 * One page of a tenant's requests, newest first.
 *
 * @throws {AppError} `invalid_request` when the cursor names no request of the tenant.
 */
export type ListRequests = (filter: ListFilter) => Promise<RequestPage>;

export function createListRequests(requests: RequestStore): ListRequests {
  return (filter) => requests.list(filter);
}
