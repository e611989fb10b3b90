import { type BatchKind, type BatchRecord, isOpen } from '../../domain/batches/batch.ts';
import type { BatchFilter, BatchRef, BatchStore } from '../../ports/batch-store.ts';
import { type Item, text } from './table/attributes.ts';
import { type Key, tenantPartition } from './table/keys.ts';
import { Table } from './table/table.ts';
import type { TableAccess } from './table/table-access.ts';
import { OPEN_INDEX } from './table/table-definition.ts';

/** Partition of the open index that holds batches with something left to do. */
const OPEN_PARTITION = 'BATCHES';
const DAY_SECONDS = 86_400;
const KINDS: Readonly<Record<string, BatchKind>> = { batch: 'openai', msgbatch: 'anthropic' };

/**
 * Batches in DynamoDB: `T#<tenant>#BA#<kind>`, id. Those with something left to do stand in the open
 * index, which lags behind by some milliseconds.
 */
export class DynamoBatchStore implements BatchStore {
  readonly #table: Table;
  readonly #nowMs: () => number;
  readonly #retentionDays: number;

  constructor(access: TableAccess, nowMs: () => number, retentionDays: number) {
    this.#table = new Table(access);
    this.#nowMs = nowMs;
    this.#retentionDays = retentionDays;
  }

  async create(record: BatchRecord): Promise<boolean> {
    const refusal = await this.#table.put(this.#item(record), {
      text: 'attribute_not_exists(pk) OR gone = :one',
      values: { one: 1 },
    });
    return refusal === null || isOurs(refusal.item, record);
  }

  async get(tenant: string, id: string): Promise<BatchRecord | null> {
    const key = keyOf(tenant, id);
    const item = key && (await this.#table.get(key));
    return item === null || item['gone'] === 1 ? null : read(item);
  }

  async update(record: BatchRecord): Promise<boolean> {
    const text = 'v = :seen AND attribute_not_exists(gone)';
    const condition = { text, values: { seen: record.version - 1 } };
    const refusal = await this.#table.put(this.#item(record), condition);
    // The client may have written it, lost the answer, and tried again.
    return refusal === null || isOurs(refusal.item, record);
  }

  async list(filter: BatchFilter): Promise<{ items: BatchRecord[]; hasMore: boolean }> {
    const { tenant, kind, after, before, limit } = filter;
    const items: BatchRecord[] = [];
    const cursor = before ?? after;
    const pages = this.#table.query({
      partition: partitionOf(tenant, kind),
      isDescending: before === undefined,
      ...(cursor === undefined
        ? {}
        : { sort: { text: `#sort ${before ? '>' : '<'} :cursor`, values: { cursor } } }),
    });
    const inOrder = () => (before === undefined ? items : items.reverse());
    for await (const page of pages) {
      for (const item of page) {
        if (item['gone'] === 1) continue;
        if (items.length === limit) return { items: inOrder(), hasMore: true };
        items.push(read(item));
      }
    }
    return { items: inOrder(), hasMore: false };
  }

  async open(): Promise<BatchRef[]> {
    const refs: BatchRef[] = [];
    const page = { index: OPEN_INDEX.name, partition: OPEN_PARTITION };
    for await (const items of this.#table.query(page)) {
      for (const item of items) {
        const [id = '', ...tenant] = text(item, OPEN_INDEX.sort).split('#');
        refs.push({ id, tenant: tenant.join('#') });
      }
    }
    return refs;
  }

  /** Functions may not delete items: it is marked, and goes by TTL. */
  async delete(tenant: string, id: string): Promise<void> {
    const key = keyOf(tenant, id);
    if (key === null) return;
    const change = {
      text: `SET gone = :one, #ttl = :now REMOVE ${OPEN_INDEX.partition}, ${OPEN_INDEX.sort}`,
      values: { one: 1, now: Math.ceil(this.#nowMs() / 1_000) },
    };
    await this.#table.update(key, change, { text: 'attribute_exists(pk)' });
  }

  #item(record: BatchRecord): Item {
    const { tenant, kind, id, version } = record;
    return {
      pk: partitionOf(tenant, kind),
      sk: id,
      v: version,
      j: JSON.stringify(record),
      ttl: Math.ceil(this.#nowMs() / 1_000) + this.#retentionDays * DAY_SECONDS,
      ...(isOpen(record)
        ? { [OPEN_INDEX.partition]: OPEN_PARTITION, [OPEN_INDEX.sort]: `${id}#${tenant}` }
        : {}),
    };
  }
}

function partitionOf(tenant: string, kind: BatchKind): string {
  return `${tenantPartition(tenant)}#BA#${kind}`;
}

function keyOf(tenant: string, id: string): Key | null {
  const kind = KINDS[id.slice(0, Math.max(0, id.indexOf('_')))];
  return kind === undefined ? null : { pk: partitionOf(tenant, kind), sk: id };
}

function isOurs(item: Item | null, record: BatchRecord): boolean {
  return item !== null && item['j'] === JSON.stringify(record);
}

function read(item: Item): BatchRecord {
  const record: BatchRecord = JSON.parse(text(item, 'j'));
  return record;
}
