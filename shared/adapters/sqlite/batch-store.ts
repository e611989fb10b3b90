import { type BatchRecord, isOpen } from '../../domain/batches/batch.ts';
import type { BatchFilter, BatchRef, BatchStore } from '../../ports/batch-store.ts';
import { text } from './columns.ts';
import type { Database } from './database.ts';

const CREATE = `
  INSERT INTO batches (tenant, kind, id, is_open, version, record) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING`;
const UPDATE = `
  UPDATE batches SET is_open = ?, version = ?, record = ?
  WHERE tenant = ? AND id = ? AND version = ?`;
const GET = 'SELECT record FROM batches WHERE tenant = ? AND id = ?';
const DELETE = 'DELETE FROM batches WHERE tenant = ? AND id = ?';
const OPEN = 'SELECT tenant, id FROM batches INDEXED BY batches_open WHERE is_open = 1 ORDER BY id';
const OLDER = `
  SELECT record FROM batches WHERE tenant = ?1 AND kind = ?2 AND (?3 IS NULL OR id < ?3)
  ORDER BY id DESC LIMIT ?4`;
const NEWER = `
  SELECT record FROM batches WHERE tenant = ?1 AND kind = ?2 AND id > ?3 ORDER BY id LIMIT ?4`;

/** Batches, in one SQLite database. */
export class SqliteBatchStore implements BatchStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(record: BatchRecord): Promise<boolean> {
    const { tenant, kind, id, version } = record;
    const isCreated = this.#run(CREATE, tenant, kind, id, openness(record), version, json(record));
    await this.#database.flush();
    return isCreated;
  }

  async get(tenant: string, id: string): Promise<BatchRecord | null> {
    const row = this.#database.statement(GET).get(tenant, id);
    return row ? read(row[0]) : null;
  }

  async update(record: BatchRecord): Promise<boolean> {
    const { tenant, id, version } = record;
    const values = [openness(record), version, json(record), tenant, id, version - 1];
    const isUpdated = this.#run(UPDATE, ...values);
    await this.#database.flush();
    return isUpdated;
  }

  async list(filter: BatchFilter): Promise<{ items: BatchRecord[]; hasMore: boolean }> {
    const { tenant, kind, after = null, before = null, limit } = filter;
    const rows =
      before === null
        ? this.#database.statement(OLDER).all(tenant, kind, after, limit + 1)
        : this.#database.statement(NEWER).all(tenant, kind, before, limit + 1);
    const items = rows.slice(0, limit).map((row) => read(row[0]));
    return { items: before === null ? items : items.reverse(), hasMore: rows.length > limit };
  }

  async open(): Promise<BatchRef[]> {
    const rows = this.#database.statement(OPEN).all();
    return rows.map((row) => ({ tenant: text(row[0]), id: text(row[1]) }));
  }

  async delete(tenant: string, id: string): Promise<void> {
    this.#run(DELETE, tenant, id);
    await this.#database.flush();
  }

  #run(sql: string, ...values: readonly (string | number)[]): boolean {
    return this.#database.transaction(
      () => Number(this.#database.statement(sql).run(...values).changes) === 1,
    );
  }
}

function openness(record: BatchRecord): number {
  return isOpen(record) ? 1 : 0;
}

function json(record: BatchRecord): string {
  return JSON.stringify(record);
}

function read(column: Parameters<typeof text>[0]): BatchRecord {
  const record: BatchRecord = JSON.parse(text(column));
  return record;
}
