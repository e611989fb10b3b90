import { fieldError } from '../contracts/problem.ts';
import type { RequestStore, UsageFilter, UsageRow } from '../ports/request-store.ts';

/**
 * What a tenant's requests used and cost, summed by the groups asked for.
 *
 * @throws {AppError} `invalid_request` when the period ends before it begins.
 */
export type ReadUsage = (filter: UsageFilter) => Promise<UsageRow[]>;

export function createReadUsage(requests: RequestStore): ReadUsage {
  return async (filter) => {
    const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = filter;
    if (fromMs > toMs) throw fieldError('invalid_request', '/to', 'lies before from');
    return requests.usage(filter);
  };
}
