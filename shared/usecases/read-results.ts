import type { PayloadStore } from '../ports/payload-store.ts';
import type { ListFilter, RequestStore } from '../ports/request-store.ts';

export interface ResultPage {
  /** Result lines without line breaks, of requests newest first. */
  readonly lines: readonly Uint8Array[];
  /** Where to go on; `null` when nothing is left. */
  readonly next: string | null;
}

/**
 * Result lines of the requests a filter names, as far as they have ended. A page looks at up to
 * `limit` requests and holds up to `maxBytes`, but at least one line where there is one.
 *
 * @throws {AppError} `invalid_request` when the cursor names no request of the tenant.
 */
export type ReadResults = (filter: ListFilter, maxBytes: number) => Promise<ResultPage>;

export interface ReadResultsDeps {
  readonly requests: RequestStore;
  readonly payloads: PayloadStore;
}

export function createReadResults({ requests, payloads }: ReadResultsDeps): ReadResults {
  return async (filter, maxBytes) => {
    const { items, hasMore } = await requests.list(filter);
    let bytes = 0;
    let looked = 0;
    const pointers = [];
    for (const { outcome } of items) {
      const length = outcome === null ? 0 : outcome.result.length + 1;
      if (pointers.length > 0 && bytes + length > maxBytes) break;
      bytes += length;
      looked += 1;
      if (outcome !== null) pointers.push(outcome.result);
    }
    const isLast = looked === items.length && !hasMore;
    const lines = pointers.length === 0 ? [] : await payloads.read(pointers);
    return { lines, next: isLast ? null : (items[looked - 1]?.id ?? null) };
  };
}
