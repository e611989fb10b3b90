import { fieldError } from '../contracts/problem.ts';
import type { RequestStore, UsageFilter, UsageRow } from '../ports/request-store.ts';

/** With a batch, only rows of that batch, grouped by it too. */
export interface UsageQuestion extends UsageFilter {
  readonly batchId?: string;
}

/**
 * What a tenant's requests used and cost, summed by the groups asked for.
 *
 * @throws {AppError} `invalid_request` when the period ends before it begins.
 */
export type ReadUsage = (question: UsageQuestion) => Promise<UsageRow[]>;

export function createReadUsage(requests: RequestStore): ReadUsage {
  return async ({ batchId, ...filter }) => {
    const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = filter;
    if (fromMs > toMs) throw fieldError('invalid_request', '/to', 'lies before from');
    if (batchId === undefined) return requests.usage(filter);
    const groupBy = [...new Set([...filter.groupBy, 'batch' as const])];
    const rows = await requests.usage({ ...filter, groupBy });
    return rows.filter(({ batch }) => batch === batchId);
  };
}
