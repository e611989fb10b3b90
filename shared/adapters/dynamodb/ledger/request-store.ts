import type { RequestSpec, RequestView } from '../../../domain/requests/request.ts';
import type {
  AcceptOutcome,
  ListFilter,
  PublishedFilter,
  PublishedPage,
  RequestStore,
  StatusCounts,
  UsageFilter,
  UsageRow,
} from '../../../ports/request-store.ts';
import type { Table } from '../table/table.ts';
import type { Accepting } from './accept.ts';
import { type CountsDeps, countRequests } from './counts.ts';
import type { Listing } from './list.ts';
import { readUsage } from './usage.ts';
import type { Views } from './views.ts';

export interface DynamoRequestStoreDeps {
  readonly table: Table;
  readonly views: Views;
  readonly accepting: Accepting;
  readonly listing: Listing;
  readonly countsDeps: CountsDeps;
}

/**
 * The ledger as callers use it. Lists and counts find slices through an index, which lags behind
 * by some milliseconds; a request asked for by its id is read as it is. Usage of a slice shows
 * once all of it has ended.
 */
export class DynamoRequestStore implements RequestStore {
  readonly #deps: DynamoRequestStoreDeps;

  constructor(deps: DynamoRequestStoreDeps) {
    this.#deps = deps;
  }

  accept(requests: readonly RequestSpec[]): Promise<AcceptOutcome[]> {
    return this.#deps.accepting.accept(requests);
  }

  async get(tenant: string, id: string): Promise<RequestView | null> {
    const [view] = await this.#deps.views.find([{ tenant, id }]);
    return view ?? null;
  }

  list(filter: ListFilter): Promise<{ items: RequestView[]; hasMore: boolean }> {
    return this.#deps.listing.list(filter);
  }

  published(filter: PublishedFilter): Promise<PublishedPage> {
    return this.#deps.listing.published(filter);
  }

  counts(tenant: string, batchId?: string): Promise<StatusCounts> {
    return countRequests(this.#deps.countsDeps, tenant, batchId);
  }

  usage(filter: UsageFilter): Promise<UsageRow[]> {
    return readUsage(this.#deps.table, filter);
  }
}
