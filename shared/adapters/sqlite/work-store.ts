import { setImmediate } from 'node:timers/promises';
import type { LeasedRequest, PayloadPointer, RequestOutcome } from '../../domain/request.ts';
import { TERMINAL_STATUSES } from '../../domain/request-state.ts';
import type {
  Backlog,
  Deferral,
  LeaseQuery,
  LeaseRef,
  WorkStore,
} from '../../ports/request-store.ts';
import { number, text, textOrNull, word } from './columns.ts';
import type { SqliteCommitMarks } from './commit-marks.ts';
import type { Database } from './database.ts';
import { LEASED_COLUMNS, type Row, readLeased } from './rows.ts';
import { inSlices, ROWS_PER_TRANSACTION } from './slices.ts';
import { Tallies } from './tallies.ts';
import { UsageSums } from './usage-rollup.ts';

/** Makes ready what is due: deferred requests whose time has come, and leases that ran out. */
const READY_DUE = `
  UPDATE requests SET status = 'queued', due_at_ms = 0, owner = NULL WHERE seq IN (
    SELECT seq FROM requests INDEXED BY requests_waiting
    WHERE model = ? AND due_at_ms > 0 AND due_at_ms <= ? LIMIT ?)`;

const LEASE_READY = `
  UPDATE requests SET status = 'running', due_at_ms = ?, owner = ?, fence = fence + 1 WHERE seq IN (
    SELECT seq FROM requests INDEXED BY requests_ready
    WHERE model = ? AND due_at_ms = 0 ORDER BY priority, group_order, seq LIMIT ?)
  RETURNING ${LEASED_COLUMNS}`;

/** The condition that makes a commit the only one: a request that ended has no `due_at_ms`. */
const END_REQUEST = `
  UPDATE requests SET status = ?, due_at_ms = NULL, owner = NULL, attempts = ?,
    first_attempt_at_ms = ?, commit_seq = ?
  WHERE tenant = ? AND id = ? AND due_at_ms IS NOT NULL
  RETURNING seq, model, batch_id, tags, input_tokens, max_output_tokens`;

const INSERT_OUTCOME = `
  INSERT INTO outcomes (commit_seq, request_seq, status_code, error_code, lane, provider,
    input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens,
    cost_micro_usd, finished_at_ms, result_segment, result_offset, result_length)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const LAST_COMMIT = 'SELECT coalesce(max(commit_seq), 0) FROM outcomes';

/** The fence is current and the request has not ended; its lease may have run out meanwhile. */
const STILL_OURS = 'tenant = ? AND id = ? AND fence = ? AND due_at_ms IS NOT NULL';

const DEFER = `
  UPDATE requests SET status = 'queued', due_at_ms = max(0, ?), owner = NULL, attempts = ?,
    first_attempt_at_ms = ?
  WHERE ${STILL_OURS}`;

const EXTEND = `UPDATE requests SET due_at_ms = ? WHERE ${STILL_OURS} AND status = 'running'`;

const RELEASE_OTHERS = `
  UPDATE requests SET status = 'queued', due_at_ms = 0, owner = NULL WHERE seq IN (
    SELECT seq FROM requests INDEXED BY requests_waiting
    WHERE due_at_ms > 0 AND owner IS NOT NULL AND owner <> ? LIMIT ?)`;

const READ_BACKLOG = `
  SELECT model, requests, input_tokens, max_output_tokens,
    CASE WHEN EXISTS (SELECT 1 FROM requests INDEXED BY requests_ready
      WHERE model = b.model AND due_at_ms = 0) THEN 0
    ELSE (SELECT min(due_at_ms) FROM requests INDEXED BY requests_waiting
      WHERE model = b.model AND due_at_ms > 0) END
  FROM backlog b WHERE requests > 0 ORDER BY model`;

const HAS_ENDED = 'SELECT due_at_ms IS NULL FROM requests WHERE tenant = ? AND id = ?';

const PUBLISHED_AFTER = `
  SELECT o.commit_seq, r.tenant, r.id, r.custom_id, r.batch_id, r.status, o.result_segment,
    o.result_offset, o.result_length
  FROM outcomes o JOIN requests r ON r.seq = o.request_seq
  WHERE o.commit_seq > ? ORDER BY o.commit_seq LIMIT ?`;

/** A published result, as an exporter needs it. */
export interface Published {
  /** Grows with each publication; where an exporter left off. */
  readonly commitSeq: number;
  readonly tenant: string;
  readonly id: string;
  readonly customId: string | null;
  readonly batchId: string | null;
  readonly status: RequestOutcome['status'];
  readonly result: PayloadPointer;
}

/**
 * The ledger as workers use it, in one SQLite database. Commits are not flushed one by one: a
 * result stands durably in the result log before it is committed, and what a loss of power takes
 * from the ledger is adopted from there.
 */
export class SqliteWorkStore implements WorkStore {
  readonly #database: Database;
  readonly #marks: SqliteCommitMarks;

  constructor(database: Database, marks: SqliteCommitMarks) {
    this.#database = database;
    this.#marks = marks;
  }

  async lease(query: LeaseQuery): Promise<LeasedRequest[]> {
    await this.#inRounds(READY_DUE, query.model, query.nowMs);
    const leased: LeasedRequest[] = [];
    while (leased.length < query.limit) {
      const wanted = Math.min(query.limit - leased.length, ROWS_PER_TRANSACTION);
      const rows = this.#leaseReady(query, wanted);
      for (const row of rows) leased.push(readLeased(row));
      if (rows.length < wanted) break;
      if (leased.length < query.limit) await setImmediate();
    }
    return leased;
  }

  /** In order of service; RETURNING itself promises none. */
  #leaseReady({ model, owner, expiresAtMs }: LeaseQuery, limit: number): Row[] {
    const statement = this.#database.statement(LEASE_READY);
    // Void after the instant, so leasable from the next millisecond on.
    const rows: Row[] = this.#database.transaction(() =>
      statement.all(expiresAtMs + 1, owner, model, limit),
    );
    return rows.sort(
      (one, other) =>
        number(one[8]) - number(other[8]) ||
        number(one[17]) - number(other[17]) ||
        number(one[0]) - number(other[0]),
    );
  }

  async commit(outcomes: readonly RequestOutcome[]): Promise<boolean[]> {
    return inSlices(outcomes, (slice) => {
      const published = this.#database.transaction(() => this.#commitSlice(slice));
      this.#marks.add(slice.map(({ result }) => result));
      return published;
    });
  }

  #commitSlice(outcomes: readonly RequestOutcome[]): boolean[] {
    const tallies = new Tallies();
    const usage = new UsageSums();
    let commitSeq = number(this.#database.statement(LAST_COMMIT).get()?.[0]);
    const published = outcomes.map((outcome) => {
      const row = this.#endRequest(outcome, commitSeq + 1);
      if (!row) return false;
      commitSeq += 1;
      const labels = {
        model: text(row[1]),
        batchId: textOrNull(row[2] ?? null) ?? '',
        tags: text(row[3]),
      };
      tallies.ended(outcome.tenant, labels.batchId, outcome.status, {
        model: labels.model,
        inputTokens: number(row[4]),
        maxOutputTokens: number(row[5]),
      });
      usage.add(outcome, labels);
      return true;
    });
    tallies.write(this.#database);
    usage.write(this.#database);
    this.#marks.save();
    return published;
  }

  #endRequest(outcome: RequestOutcome, commitSeq: number): Row | undefined {
    const row = this.#database
      .statement(END_REQUEST)
      .get(
        outcome.status,
        outcome.attempts,
        outcome.firstAttemptAtMs,
        commitSeq,
        outcome.tenant,
        outcome.id,
      );
    if (!row) return undefined;
    this.#database
      .statement(INSERT_OUTCOME)
      .run(
        commitSeq,
        number(row[0]),
        outcome.statusCode,
        outcome.errorCode,
        outcome.lane,
        outcome.provider,
        outcome.usage.inputTokens,
        outcome.usage.cachedInputTokens,
        outcome.usage.cacheWriteTokens,
        outcome.usage.cacheWrite1hTokens,
        outcome.usage.outputTokens,
        outcome.costMicroUsd,
        outcome.finishedAtMs,
        outcome.result.segment,
        outcome.result.offset,
        outcome.result.length,
      );
    return row;
  }

  async defer(requests: readonly Deferral[]): Promise<void> {
    await this.#each(requests, DEFER, (request) => [
      request.notBeforeMs,
      request.attempts,
      request.firstAttemptAtMs,
      request.tenant,
      request.id,
      request.fence,
    ]);
  }

  async extend(requests: readonly LeaseRef[], expiresAtMs: number): Promise<void> {
    await this.#each(requests, EXTEND, ({ tenant, id, fence }) => [
      expiresAtMs + 1,
      tenant,
      id,
      fence,
    ]);
  }

  async backlog(): Promise<Backlog[]> {
    return this.#database
      .statement(READ_BACKLOG)
      .all()
      .map((row) => ({
        model: text(row[0]),
        requests: number(row[1]),
        inputTokens: number(row[2]),
        maxOutputTokens: number(row[3]),
        nextDueAtMs: number(row[4]),
      }));
  }

  async withdrawn(refs: readonly LeaseRef[]): Promise<string[]> {
    const hasEnded = this.#database.statement(HAS_ENDED);
    return inSlices(refs, (slice) =>
      slice.filter(({ tenant, id }) => hasEnded.get(tenant, id)?.[0] === 1).map(({ id }) => id),
    );
  }

  /**
   * Voids the leases of all other owners at once. Only whoever holds the state directory may
   * call it: then all other owners are dead.
   */
  async releaseOwnersExcept(owner: string): Promise<number> {
    return this.#inRounds(RELEASE_OTHERS, owner);
  }

  /** Publications after a position, oldest first. Position 0 is before the first. */
  async publishedAfter(commitSeq: number, limit: number): Promise<Published[]> {
    return this.#database
      .statement(PUBLISHED_AFTER)
      .all(commitSeq, limit)
      .map((row) => ({
        commitSeq: number(row[0]),
        tenant: text(row[1]),
        id: text(row[2]),
        customId: textOrNull(row[3] ?? null),
        batchId: textOrNull(row[4] ?? null),
        status: word(row[5], TERMINAL_STATUSES),
        result: { segment: text(row[6]), offset: number(row[7]), length: number(row[8]) },
      }));
  }

  async #each<Item>(
    items: readonly Item[],
    sql: string,
    values: (item: Item) => (string | number | null)[],
  ): Promise<void> {
    const statement = this.#database.statement(sql);
    await inSlices(items, (slice) =>
      this.#database.transaction(() => {
        for (const item of slice) statement.run(...values(item));
        return [];
      }),
    );
  }

  /** Repeats a statement that takes a row limit until nothing is left, a slice at a time. */
  async #inRounds(sql: string, ...values: (string | number)[]): Promise<number> {
    const statement = this.#database.statement(sql);
    let total = 0;
    for (;;) {
      const changes = this.#database.transaction(() =>
        Number(statement.run(...values, ROWS_PER_TRANSACTION).changes),
      );
      total += changes;
      if (changes < ROWS_PER_TRANSACTION) return total;
      await setImmediate();
    }
  }
}
