import type { UsageFilter, UsageRow } from '../../../ports/request-store.ts';
import { count, type Item, text } from '../table/attributes.ts';
import { usagePartition, usageSort } from '../table/keys.ts';
import type { Table } from '../table/table.ts';
import { COUNTERS, type Counters, NO_COUNTS, QUARTER_MS, type UsageLabels } from './usage-rows.ts';

interface StoredUsage {
  readonly quarter: number;
  readonly labels: UsageLabels;
  readonly sums: Counters;
}

/** Beyond any quarter of an hour that a clock will see. */
const LAST_QUARTER = 999_999_999;

/**
 * Sums of what ended between two instants, widened to whole quarters of an hour. A request with
 * several tags counts under each of them when grouped by tag, and once otherwise.
 */
export async function readUsage(table: Table, filter: UsageFilter): Promise<UsageRow[]> {
  const groups = new Map<string, UsageRow & { readonly sums: Counters }>();
  for await (const { quarter, labels, sums } of readUsageRows(table, filter)) {
    for (const key of groupKeys(filter, quarter, labels)) {
      const name = JSON.stringify(key);
      const group = groups.get(name) ?? { ...key, ...NO_COUNTS, sums: { ...NO_COUNTS } };
      groups.set(name, group);
      for (const counter of COUNTERS) group.sums[counter] += sums[counter];
    }
  }
  return [...groups.values()].sort(inOrder).map(({ sums, ...group }) => {
    const { cancelled: _, expired: _expired, ...shown } = sums;
    return { ...pickKey(group), ...shown };
  });
}

/** The rows of a tenant between two instants, as they are kept. */
export async function* readUsageRows(
  table: Table,
  { tenant, fromMs = 0, toMs }: Pick<UsageFilter, 'tenant' | 'fromMs' | 'toMs'>,
): AsyncGenerator<StoredUsage> {
  const from = Math.floor(fromMs / QUARTER_MS);
  const to = toMs === undefined ? LAST_QUARTER : Math.ceil(toMs / QUARTER_MS);
  if (from >= to) return;
  const pages = table.query({
    partition: usagePartition(tenant),
    sort: {
      text: '#sort BETWEEN :from AND :to',
      values: { from: usageSort(from), to: usageSort(to) },
    },
  });
  for await (const items of pages) yield* items.map(readRow);
}

function readRow(item: Item): StoredUsage {
  const labels: UsageLabels = JSON.parse(text(item, 'labels'));
  const sums = { ...NO_COUNTS };
  for (const counter of COUNTERS) sums[counter] = count(item, counter);
  return { quarter: Number(text(item, 'sk').split('#', 1)[0]), labels, sums };
}

type GroupKey = Pick<UsageRow, UsageFilter['groupBy'][number]>;

const NO_KEY: GroupKey = { tag: null, model: null, day: null, lane: null, batch: null };

/** The groups a row counts under: one, or one a tag. */
function groupKeys({ groupBy }: UsageFilter, quarter: number, labels: UsageLabels): GroupKey[] {
  const { model, lane, batch, tags } = labels;
  const key: GroupKey = {
    ...NO_KEY,
    ...(groupBy.includes('model') && { model }),
    ...(groupBy.includes('lane') && { lane }),
    ...(groupBy.includes('batch') && { batch }),
    ...(groupBy.includes('day') && { day: dayOf(quarter) }),
  };
  if (!groupBy.includes('tag') || tags.length === 0) return [key];
  return tags.map((tag) => ({ ...key, tag }));
}

function pickKey({ tag, model, day, lane, batch }: GroupKey): GroupKey {
  return { tag, model, day, lane, batch };
}

function dayOf(quarter: number): string {
  return new Date(quarter * QUARTER_MS).toISOString().slice(0, 10);
}

const ORDER = ['tag', 'model', 'day', 'lane', 'batch'] as const;

/** By the labels in their order, those without one first. */
function inOrder(one: GroupKey, other: GroupKey): number {
  for (const label of ORDER) {
    const left = one[label] ?? '';
    const right = other[label] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
