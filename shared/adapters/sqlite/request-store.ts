import { AppError } from '../../domain/errors.ts';
import type { RequestSpec, RequestView } from '../../domain/request.ts';
import type {
  AcceptOutcome,
  ListFilter,
  RequestStore,
  StatusCounts,
  UsageFilter,
  UsageRow,
} from '../../ports/request-store.ts';
import { number, word } from './columns.ts';
import type { Database } from './database.ts';
import { readView, STATUSES, VIEW_COLUMNS, writeTags } from './rows.ts';
import { inSlices } from './slices.ts';
import { Tallies } from './tallies.ts';
import { readUsage } from './usage-rollup.ts';

const INSERT_REQUEST = `
  INSERT INTO requests (tenant, id, model, status, due_at_ms, priority, group_order, custom_id,
    batch_id, endpoint, lane, tags, fingerprint, body_segment, body_offset, body_length,
    input_tokens, max_output_tokens, prefix_key, created_at_ms, deadline_at_ms)
  VALUES (?, ?, ?, 'queued', 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (tenant, id) DO NOTHING`;

const INSERT_TAG = 'INSERT INTO request_tags (tenant, tag, seq) VALUES (?, ?, ?)';

const FIND_REQUEST = 'SELECT seq, fingerprint, status FROM requests WHERE tenant = ? AND id = ?';

const VIEW_SOURCE = 'requests r LEFT JOIN outcomes o ON o.commit_seq = r.commit_seq';

const GET_REQUEST = `SELECT ${VIEW_COLUMNS} FROM ${VIEW_SOURCE} WHERE r.tenant = ? AND r.id = ?`;

const COUNT_RUNNING = `
  SELECT count(*) FROM requests INDEXED BY requests_by_status
  WHERE tenant = ? AND status = 'running' AND (?2 IS NULL OR batch_id = ?2)`;

const COUNT_ENDED = `
  SELECT total(accepted), total(succeeded), total(failed), total(cancelled), total(expired)
  FROM batch_counts WHERE tenant = ? AND (?2 IS NULL OR batch_id = ?2)`;

/** The ledger as callers use it, in one SQLite database. */
export class SqliteRequestStore implements RequestStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async accept(requests: readonly RequestSpec[]): Promise<AcceptOutcome[]> {
    const outcomes = await inSlices(requests, (slice) =>
      this.#database.transaction(() => this.#acceptSlice(slice)),
    );
    await this.#database.flush();
    return outcomes;
  }

  #acceptSlice(requests: readonly RequestSpec[]): AcceptOutcome[] {
    const tallies = new Tallies();
    const insert = this.#database.statement(INSERT_REQUEST);
    const outcomes = requests.map((request): AcceptOutcome => {
      const { changes, lastInsertRowid } = insert.run(
        request.tenant,
        request.id,
        request.model,
        request.priority,
        request.groupOrder,
        request.customId,
        request.batchId,
        request.endpoint,
        request.lane,
        writeTags(request.tags),
        request.fingerprint,
        request.body.segment,
        request.body.offset,
        request.body.length,
        request.inputTokens,
        request.maxOutputTokens,
        request.prefixKey,
        request.createdAtMs,
        request.deadlineAtMs,
      );
      if (changes === 0) return this.#knownAlready(request);
      for (const tag of new Set(request.tags)) {
        this.#database.statement(INSERT_TAG).run(request.tenant, tag, lastInsertRowid);
      }
      tallies.accepted(request.tenant, request.batchId ?? '', request);
      return { kind: 'created', id: request.id };
    });
    tallies.write(this.#database);
    return outcomes;
  }

  #knownAlready({ tenant, id, fingerprint }: RequestSpec): AcceptOutcome {
    const row = this.#database.statement(FIND_REQUEST).get(tenant, id);
    return row?.[1] === fingerprint
      ? { kind: 'replayed', id, status: word(row[2], STATUSES) }
      : { kind: 'conflict', id };
  }

  async get(tenant: string, id: string): Promise<RequestView | null> {
    const row = this.#database.statement(GET_REQUEST).get(tenant, id);
    return row ? readView(row) : null;
  }

  async list(filter: ListFilter): Promise<{ items: RequestView[]; hasMore: boolean }> {
    const { tenant, tag, status, batchId, model, after, limit } = filter;
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const where = (condition: string, value: string | number | undefined) => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    where('t.tag = ?', tag);
    where('r.tenant = ?', tenant);
    where('r.status = ?', status);
    where('r.batch_id = ?', batchId);
    where('r.model = ?', model);
    where('r.seq < ?', after === undefined ? undefined : this.#positionOf(tenant, after));
    const sql = `
      SELECT ${VIEW_COLUMNS} FROM ${listSource(filter)}
        LEFT JOIN outcomes o ON o.commit_seq = r.commit_seq
      WHERE ${conditions.join(' AND ')} ORDER BY r.seq DESC LIMIT ?`;
    const rows = this.#database.statement(sql).all(...values, limit + 1);
    return { items: rows.slice(0, limit).map(readView), hasMore: rows.length > limit };
  }

  #positionOf(tenant: string, id: string): number {
    const row = this.#database.statement(FIND_REQUEST).get(tenant, id);
    if (row) return number(row[0]);
    throw new AppError(
      'invalid_request',
      `after: no request has the id ${JSON.stringify(id)}. Pass the id of the last item of the page before.`,
    );
  }

  async counts(tenant: string, batchId?: string): Promise<StatusCounts> {
    const batch = batchId ?? null;
    const ended = this.#database.statement(COUNT_ENDED).get(tenant, batch) ?? {};
    const running = number(this.#database.statement(COUNT_RUNNING).get(tenant, batch)?.[0]);
    const succeeded = number(ended[1]);
    const failed = number(ended[2]);
    const cancelled = number(ended[3]);
    const expired = number(ended[4]);
    const queued = number(ended[0]) - running - succeeded - failed - cancelled - expired;
    return { queued, running, succeeded, failed, cancelled, expired };
  }

  async usage(filter: UsageFilter): Promise<UsageRow[]> {
    return readUsage(this.#database, filter);
  }
}

/** The table and index that walk newest first and skip least. */
function listSource({ tag, status, batchId }: ListFilter): string {
  if (tag !== undefined) {
    return 'request_tags t CROSS JOIN requests r ON r.seq = t.seq AND r.tenant = t.tenant';
  }
  if (status !== undefined) return 'requests r INDEXED BY requests_by_status';
  if (batchId !== undefined) return 'requests r INDEXED BY requests_by_batch';
  return 'requests r INDEXED BY requests_by_tenant';
}
