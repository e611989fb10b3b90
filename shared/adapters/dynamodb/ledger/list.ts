import { AppError } from '../../../domain/errors.ts';
import type { RequestView } from '../../../domain/requests/request.ts';
import type { ListFilter, PublishedFilter, PublishedPage } from '../../../ports/request-store.ts';
import { text } from '../table/attributes.ts';
import { inParallel } from '../table/in-parallel.ts';
import {
  batchPartition,
  memberSort,
  slicePartition,
  tenantPartition,
  tenantSort,
} from '../table/keys.ts';
import type { Page, Table } from '../table/table.ts';
import { TENANT_INDEX } from '../table/table-definition.ts';
import type { SliceHeader } from './slice-header.ts';
import type { Located, SliceReader } from './slice-reader.ts';
import { viewOf } from './views.ts';

const MOST_SLICES_PER_PAGE = 100;
const SLICES_AT_ONCE = 16;

export interface ListDeps {
  readonly table: Table;
  readonly reader: SliceReader;
}

/**
 * Lists requests: slices by acceptance, newest first, and in each the last first. A filter other
 * than the batch is applied to what is read, so a rare status or tag costs a walk.
 */
export class Listing {
  readonly #deps: ListDeps;

  constructor(deps: ListDeps) {
    this.#deps = deps;
  }

  async list(filter: ListFilter): Promise<{ items: RequestView[]; hasMore: boolean }> {
    const cursor = filter.after === undefined ? null : await this.#locate(filter, filter.after);
    const items: RequestView[] = [];
    for await (const entries of this.#deps.table.query(pageOf(filter, cursor))) {
      const headers = await this.#headers(filter, entries);
      for (const some of groupsOf(headers, filter.limit + 1)) {
        for (const view of await this.#views(some, cursor)) {
          if (!matches(filter, view)) continue;
          if (items.length === filter.limit) return { items, hasMore: true };
          items.push(view);
        }
      }
    }
    return { items, hasMore: false };
  }

  /** What has ended of a batch: slices by acceptance, oldest first, and in each the first first. */
  async published({ tenant, batchId, after, limit }: PublishedFilter): Promise<PublishedPage> {
    const filter = { tenant, batchId, limit };
    const cursor = after === null ? null : await this.#locate(filter, after);
    const { stamp = 0, slice = '' } = cursor?.facts ?? {};
    const from = { text: '#sort >= :sort', values: { sort: memberSort(stamp, slice) } };
    const items: RequestView[] = [];
    const page: Page = {
      partition: batchPartition(tenant, batchId),
      pageSize: Math.min(limit, MOST_SLICES_PER_PAGE),
      ...(cursor === null ? {} : { sort: from }),
    };
    for await (const entries of this.#deps.table.query(page)) {
      const headers = await this.#headers(filter, entries);
      for (const some of groupsOf(headers, limit)) {
        for (const view of await this.#views(some, cursor, 'asc')) {
          if (view.outcome === null || view.batchId !== batchId) continue;
          items.push(view);
          if (items.length === limit) return { items, next: view.id };
        }
      }
    }
    return { items, next: null };
  }

  async #headers({ tenant, batchId }: ListFilter, entries: readonly Parameters<typeof text>[0][]) {
    const partitions = entries.map((entry) =>
      batchId === undefined ? text(entry, 'pk') : slicePartition(tenant, text(entry, 'sl')),
    );
    const headers = await this.#deps.reader.headers(partitions);
    return headers.filter(({ state }) => state === 'open' || state === 'done');
  }

  async #views(
    headers: readonly SliceHeader[],
    cursor: Located | null,
    order: 'asc' | 'desc' = 'desc',
  ): Promise<RequestView[]> {
    const sign = order === 'asc' ? 1 : -1;
    const { reader } = this.#deps;
    const specs = await reader.specsOf(headers.map(({ facts }) => facts));
    const views = await inParallel(headers, SLICES_AT_ONCE, async (header, at) => {
      const isTouched = header.runs.fence > 0;
      const outcomes = isTouched ? await reader.outcomes(header.facts) : new Map();
      const isCursor = header.facts.slice === cursor?.facts.slice;
      return [...(specs[at] ?? [])]
        .filter(([index]) => !isCursor || sign * (index - (cursor?.index ?? 0)) > 0)
        .sort(([one], [other]) => sign * (one - other))
        .map(([index, spec]) =>
          viewOf(header, index, spec, header.outcome ?? outcomes.get(index)?.text ?? null),
        );
    });
    return views.flat();
  }

  async #locate({ tenant }: ListFilter, id: string): Promise<Located> {
    const [located] = await this.#deps.reader.locate([{ tenant, id }]);
    if (located) return located;
    throw new AppError(
      'invalid_request',
      `after: no request has the id ${JSON.stringify(id)}. Pass the id of the last item of the page before.`,
    );
  }
}

/**
 * Slices to be looked into together: as many as hold what is wanted, then twice as many, since most
 * of what they hold may be filtered out. All at once would read a hundred for a page out of one.
 */
function* groupsOf(headers: readonly SliceHeader[], wanted: number): Generator<SliceHeader[]> {
  let group: SliceHeader[] = [];
  let requests = 0;
  let most = wanted;
  for (const header of headers) {
    group.push(header);
    requests += header.facts.count;
    if (requests < most) continue;
    yield group;
    group = [];
    requests = 0;
    most *= 2;
  }
  if (group.length > 0) yield group;
}

/** From the cursor's slice on, which may hold more behind the cursor. */
function pageOf({ tenant, batchId, limit }: ListFilter, cursor: Located | null): Page {
  const pageSize = Math.min(limit + 1, MOST_SLICES_PER_PAGE);
  const { stamp = 0, slice = '' } = cursor?.facts ?? {};
  const from = (sort: string) =>
    cursor === null ? {} : { sort: { text: '#sort <= :sort', values: { sort } } };
  return batchId === undefined
    ? {
        index: TENANT_INDEX.name,
        partition: tenantPartition(tenant),
        isDescending: true,
        pageSize,
        ...from(tenantSort(stamp, slice)),
      }
    : {
        partition: batchPartition(tenant, batchId),
        isDescending: true,
        pageSize,
        ...from(memberSort(stamp, slice)),
      };
}

function matches(filter: ListFilter, view: RequestView): boolean {
  return (
    (filter.status === undefined || view.status === filter.status) &&
    (filter.tag === undefined || view.tags.includes(filter.tag)) &&
    (filter.batchId === undefined || view.batchId === filter.batchId) &&
    (filter.model === undefined || view.model === filter.model)
  );
}
