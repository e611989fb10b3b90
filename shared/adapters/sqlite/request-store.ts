import { AppError } from '../../domain/errors.ts';
import type { RequestSpec, RequestView } from '../../domain/requests/request.ts';
import type {
  AcceptOutcome,
  ListFilter,
  PublishedFilter,
  PublishedPage,
  RequestStore,
  StatusCounts,
  UsageFilter,
  UsageRow,
} from '../../ports/request-store.ts';
import { number } from './columns.ts';
import type { Database } from './database.ts';
import { listQuery } from './request-list.ts';
import { readView, VIEW_COLUMNS, writeTags } from './rows.ts';
import { inSlices } from './slices.ts';
import { Tallies } from './tallies.ts';
import { readUsage } from './usage-rollup.ts';

const LAST_REQUEST = 'SELECT coalesce(max(seq), 0) FROM requests';

const INSERT_REQUEST = `
  INSERT INTO requests (tenant, id, custom_id, batch_id, model, endpoint, lane, priority, tags,
    fingerprint, body_segment, body_offset, body_length, input_tokens, max_output_tokens,
    prefix_key, group_order, created_at_ms, deadline_at_ms, reserved_micro_usd)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (tenant, id) DO NOTHING`;

const QUEUE_REQUESTS = `
  INSERT INTO work (seq, model, priority, group_order, due_at_ms, fence, attempts)
  SELECT seq, model, priority, group_order, 0, 0, 0 FROM requests WHERE seq > ?`;

const ROUTE_WORK = 'UPDATE work SET route = ? WHERE seq = ?';

const INSERT_TAG = 'INSERT INTO request_tags (tenant, tag, seq) VALUES (?, ?, ?)';

const FIND_REQUEST = 'SELECT seq FROM requests WHERE tenant = ? AND id = ?';

const GET_REQUEST = `
  SELECT ${VIEW_COLUMNS} FROM requests r
    LEFT JOIN outcomes o ON o.seq = r.seq LEFT JOIN work w ON w.seq = r.seq
  WHERE r.tenant = ? AND r.id = ?`;

const PUBLISHED_OF_BATCH = `
  SELECT ${VIEW_COLUMNS}, o.commit_seq
  FROM outcomes o INDEXED BY outcomes_by_batch CROSS JOIN requests r ON r.seq = o.seq
    LEFT JOIN work w ON w.seq = r.seq
  WHERE o.tenant = ? AND o.batch_id = ? AND o.commit_seq > ? ORDER BY o.commit_seq LIMIT ?`;

const COUNT_RUNNING = `
  SELECT count(*) FROM work w INDEXED BY work_leased CROSS JOIN requests r ON r.seq = w.seq
  WHERE w.owner IS NOT NULL AND r.tenant = ?1 AND (?2 IS NULL OR r.batch_id = ?2)`;

const COUNT_ENDED = `
  SELECT total(accepted), total(succeeded), total(failed), total(cancelled), total(expired)
  FROM batch_counts WHERE tenant = ?1 AND (?2 IS NULL OR batch_id = ?2)`;

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
    const before = number(this.#database.statement(LAST_REQUEST).get()?.[0]);
    const routed: [route: string, seq: number | bigint][] = [];
    const outcomes = requests.map((request): AcceptOutcome | null => {
      const { changes, lastInsertRowid } = insert.run(
        request.tenant,
        request.id,
        request.customId,
        request.batchId,
        request.model,
        request.endpoint,
        request.lane,
        request.priority,
        writeTags(request.tags),
        request.fingerprint,
        request.body.segment,
        request.body.offset,
        request.body.length,
        request.inputTokens,
        request.maxOutputTokens,
        request.prefixKey,
        request.groupOrder,
        request.createdAtMs,
        request.deadlineAtMs,
        request.reservedMicroUsd ?? null,
      );
      if (changes === 0) return null;
      for (const tag of new Set(request.tags)) {
        this.#database.statement(INSERT_TAG).run(request.tenant, tag, lastInsertRowid);
      }
      if (request.route === 'native') routed.push([request.route, lastInsertRowid]);
      tallies.accepted(request.tenant, request.batchId ?? '', request);
      return { kind: 'created', id: request.id };
    });
    this.#database.statement(QUEUE_REQUESTS).run(before);
    for (const row of routed) this.#database.statement(ROUTE_WORK).run(...row);
    tallies.write(this.#database);
    return requests.map((request, index) => outcomes[index] ?? this.#acceptedBefore(request));
  }

  #acceptedBefore({ tenant, id, fingerprint }: RequestSpec): AcceptOutcome {
    const known = this.#view(tenant, id);
    return known?.fingerprint === fingerprint
      ? { kind: 'replayed', id, status: known.status }
      : { kind: 'conflict', id };
  }

  async get(tenant: string, id: string): Promise<RequestView | null> {
    return this.#view(tenant, id);
  }

  #view(tenant: string, id: string): RequestView | null {
    const row = this.#database.statement(GET_REQUEST).get(tenant, id);
    return row ? readView(row) : null;
  }

  async list(filter: ListFilter): Promise<{ items: RequestView[]; hasMore: boolean }> {
    const beforeSeq =
      filter.after === undefined ? null : this.#positionOf(filter.tenant, filter.after);
    const { sql, values } = listQuery(filter, beforeSeq);
    const rows = this.#database.statement(sql).all(...values);
    return {
      items: rows.slice(0, filter.limit).map(readView),
      hasMore: rows.length > filter.limit,
    };
  }

  #positionOf(tenant: string, id: string): number {
    const row = this.#database.statement(FIND_REQUEST).get(tenant, id);
    if (row) return number(row[0]);
    throw new AppError(
      'invalid_request',
      `after: no request has the id ${JSON.stringify(id)}. Pass the id of the last item of the page before.`,
    );
  }

  async published({ tenant, batchId, after, limit }: PublishedFilter): Promise<PublishedPage> {
    const from = after === null ? 0 : Number(after);
    const statement = this.#database.statement(PUBLISHED_OF_BATCH);
    const rows = statement.all(tenant, batchId, from, limit);
    const last = rows.at(-1);
    const isFull = rows.length === limit && last !== undefined;
    const next = isFull ? String(number(Object.values(last).at(-1))) : null;
    return { items: rows.map(readView), next };
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
