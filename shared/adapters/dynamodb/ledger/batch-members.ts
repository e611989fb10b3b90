/** Which slices hold requests of a batch, and what became of them once their slice is booked. */

import type { RequestOutcome, RequestSpec } from '../../../domain/requests/request.ts';
import { TERMINAL_STATUSES } from '../../../domain/requests/request-state.ts';
import type { Item } from '../table/attributes.ts';
import { batchPartition, memberSort } from '../table/keys.ts';
import type { Action } from '../table/table.ts';
import { TTL_ATTRIBUTE } from '../table/table-definition.ts';
import type { SliceFacts } from './slice-header.ts';
import type { Ended } from './usage-rows.ts';

export type FinalCounts = Readonly<Record<RequestOutcome['status'], number>>;

/** One item a batch. A slice is named before it exists, so whoever reads looks at its header. */
export function memberItems(facts: SliceFacts, specs: Iterable<RequestSpec>): Item[] {
  const batches = new Set<string>();
  for (const { batchId } of specs) if (batchId !== null) batches.add(batchId);
  return [...batches].map((batch) => ({
    ...memberKey(facts, batch),
    sl: facts.slice,
    [TTL_ATTRIBUTE]: facts.ttl,
  }));
}

/** Records the final counts of each batch in a slice whose requests have all ended. */
export function memberActions(facts: SliceFacts, ended: readonly Ended[]): Action[] {
  const byBatch = new Map<string, Record<RequestOutcome['status'], number>>();
  for (const { spec, outcome } of ended) {
    if (spec.batchId === null) continue;
    const counts = byBatch.get(spec.batchId) ?? { ...NONE };
    counts[outcome.status] += 1;
    byBatch.set(spec.batchId, counts);
  }
  return [...byBatch].map(([batch, counts]) => ({
    update: memberKey(facts, batch),
    change: {
      text: 'SET #sl = :sl, #succeeded = :succeeded, #failed = :failed, #cancelled = :cancelled, #expired = :expired',
      values: { sl: facts.slice, ...counts },
    },
  }));
}

/** The counts, or `null` while the slice is not booked. */
export function finalCounts(member: Item): FinalCounts | null {
  if (member['succeeded'] === undefined) return null;
  const counts = { ...NONE };
  for (const status of TERMINAL_STATUSES) counts[status] = Number(member[status]);
  return counts;
}

const NONE = { succeeded: 0, failed: 0, cancelled: 0, expired: 0 };

function memberKey({ tenant, stamp, slice }: SliceFacts, batch: string) {
  return { pk: batchPartition(tenant, batch), sk: memberSort(stamp, slice) };
}
