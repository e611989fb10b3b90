import { TERMINAL_STATUSES } from '../../../domain/requests/request-state.ts';
import type { StatusCounts } from '../../../ports/request-store.ts';
import { text } from '../table/attributes.ts';
import { inParallel } from '../table/in-parallel.ts';
import { batchPartition, slicePartition } from '../table/keys.ts';
import type { Table } from '../table/table.ts';
import { finalCounts } from './batch-members.ts';
import type { OpenSlices } from './open-slices.ts';
import type { SliceHeader } from './slice-header.ts';
import type { SliceReader } from './slice-reader.ts';
import { readUsageRows } from './usage.ts';
import { viewOf } from './views.ts';

const SLICES_AT_ONCE = 16;

export interface CountsDeps {
  readonly table: Table;
  readonly reader: SliceReader;
  readonly open: OpenSlices;
}

type Tally = Record<keyof StatusCounts, number>;

/**
 * Requests by status. What has ended is read from sums; only slices still open are looked into, so
 * the cost grows with the work in hand and not with its history.
 */
export async function countRequests(
  deps: CountsDeps,
  tenant: string,
  batchId?: string,
): Promise<StatusCounts> {
  const tally = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 };
  if (batchId === undefined) await countTenant(deps, tenant, tally);
  else await countBatch(deps, tenant, batchId, tally);
  return tally;
}

async function countTenant(deps: CountsDeps, tenant: string, tally: Tally): Promise<void> {
  for await (const headers of deps.open.all(tenant)) await addOpen(deps, headers, tally);
  for await (const { sums } of readUsageRows(deps.table, { tenant })) {
    for (const status of TERMINAL_STATUSES) tally[status] += sums[status];
  }
}

async function countBatch(
  deps: CountsDeps,
  tenant: string,
  batchId: string,
  tally: Tally,
): Promise<void> {
  for await (const members of deps.table.query({ partition: batchPartition(tenant, batchId) })) {
    const open: string[] = [];
    for (const member of members) {
      const counts = finalCounts(member);
      if (counts === null) open.push(slicePartition(tenant, text(member, 'sl')));
      else for (const status of TERMINAL_STATUSES) tally[status] += counts[status];
    }
    const headers = await deps.reader.headers(open);
    const accepted = headers.filter(({ state }) => state === 'open' || state === 'done');
    await addOpen(deps, accepted, tally, batchId);
  }
}

/** Adds requests of slices that are not booked, of one batch or of all. */
async function addOpen(
  { reader }: CountsDeps,
  headers: readonly SliceHeader[],
  tally: Tally,
  batchId?: string,
): Promise<void> {
  const specs = await reader.specsOf(headers.map(({ facts }) => facts));
  await inParallel(headers, SLICES_AT_ONCE, async (header, at) => {
    const isTouched = header.runs.fence > 0;
    const outcomes = isTouched ? await reader.outcomes(header.facts) : new Map();
    for (const [index, spec] of specs[at] ?? []) {
      if (batchId !== undefined && spec.batchId !== batchId) continue;
      const stored = header.outcome ?? outcomes.get(index)?.text ?? null;
      tally[viewOf(header, index, spec, stored).status] += 1;
    }
  });
}
