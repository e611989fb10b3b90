import { setImmediate } from 'node:timers/promises';
import { type LeasedRequest, type RequestOutcome, ROUTES } from '../../domain/requests/request.ts';
import type {
  Backlog,
  Deferral,
  LeaseQuery,
  LeaseRef,
  WorkStore,
} from '../../ports/request-store.ts';
import { number, text, word } from './columns.ts';
import type { SqliteCommitMarks } from './commit-marks.ts';
import type { Database } from './database.ts';
import { type Published, publishOutcomes, readPublished } from './publication.ts';
import { LEASED_COLUMNS, type Row, readLeased } from './rows.ts';
import { inSlices, ROWS_PER_TRANSACTION } from './slices.ts';
import { Tallies } from './tallies.ts';

export type { Published };

/** Makes ready the deferred requests whose time has come. */
const READY_DEFERRED = `
  UPDATE work SET due_at_ms = 0 WHERE seq IN (
    SELECT seq FROM work INDEXED BY work_deferred
    WHERE owner IS NULL AND due_at_ms > 0 AND model = ? AND route = ? AND due_at_ms <= ? LIMIT ?)`;

/** Makes ready the requests whose lease ran out. */
const READY_LAPSED = `
  UPDATE work SET due_at_ms = 0, owner = NULL WHERE seq IN (
    SELECT seq FROM work INDEXED BY work_leased
    WHERE owner IS NOT NULL AND model = ? AND route = ? AND due_at_ms <= ? LIMIT ?)`;

const SELECT_READY = `
  SELECT ${LEASED_COLUMNS} FROM work w INDEXED BY work_ready CROSS JOIN requests r ON r.seq = w.seq
  WHERE w.owner IS NULL AND w.due_at_ms = 0 AND w.model = ? AND w.route = ? AND w.priority >= ?
  ORDER BY w.priority, w.group_order, w.seq LIMIT ?`;

const LEASE_READY = `
  UPDATE work SET due_at_ms = ?, owner = ?, fence = fence + 1 WHERE seq IN (
    SELECT seq FROM work INDEXED BY work_ready
    WHERE owner IS NULL AND due_at_ms = 0 AND model = ? AND route = ? AND priority >= ?
    ORDER BY priority, group_order, seq LIMIT ?)`;

/** The fence is current; the lease may have run out meanwhile. */
const STILL_OURS = 'seq = (SELECT seq FROM requests WHERE tenant = ? AND id = ?) AND fence = ?';

const DEFER = `
  UPDATE work SET due_at_ms = max(0, ?), owner = NULL, attempts = ?, first_attempt_at_ms = ?,
    route = coalesce(?, route)
  WHERE ${STILL_OURS}`;

const EXTEND = `UPDATE work SET due_at_ms = ? WHERE ${STILL_OURS} AND owner IS NOT NULL`;

/** What a re-routed request weighs, and where it waited until now. */
const FIND_WAITING = `
  SELECT w.model, w.route, r.input_tokens, r.max_output_tokens
  FROM requests r JOIN work w ON w.seq = r.seq WHERE r.tenant = ? AND r.id = ? AND w.fence = ?`;

const RELEASE_OTHERS = `
  UPDATE work SET due_at_ms = 0, owner = NULL WHERE seq IN (
    SELECT seq FROM work WHERE owner IS NOT NULL
      AND owner NOT IN (SELECT value FROM json_each(?)) LIMIT ?)`;

const READ_BACKLOG = `
  SELECT model, route, requests, input_tokens, max_output_tokens,
    CASE WHEN EXISTS (SELECT 1 FROM work w INDEXED BY work_ready
      WHERE w.model = b.model AND w.route = b.route AND owner IS NULL AND due_at_ms = 0) THEN 0
    ELSE min(
      coalesce((SELECT min(due_at_ms) FROM work w INDEXED BY work_deferred
        WHERE w.model = b.model AND w.route = b.route AND owner IS NULL AND due_at_ms > 0), ${Number.MAX_SAFE_INTEGER}),
      coalesce((SELECT min(due_at_ms) FROM work w INDEXED BY work_leased
        WHERE w.model = b.model AND w.route = b.route AND owner IS NOT NULL), ${Number.MAX_SAFE_INTEGER})) END
  FROM backlog b WHERE requests > 0 ORDER BY model, route DESC`;

const HAS_ENDED = `
  SELECT 1 FROM requests r JOIN outcomes o ON o.seq = r.seq WHERE r.tenant = ? AND r.id = ?`;

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
    const { model, nowMs, route = 'sync' } = query;
    await this.#inRounds(READY_DEFERRED, model, route, nowMs);
    await this.#inRounds(READY_LAPSED, model, route, nowMs);
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

  #leaseReady(
    { model, owner, expiresAtMs, route = 'sync', fromPriority = 0 }: LeaseQuery,
    limit: number,
  ): Row[] {
    return this.#database.transaction(() => {
      const rows = this.#database.statement(SELECT_READY).all(model, route, fromPriority, limit);
      // Void after the instant, so leasable from the next millisecond on.
      this.#database
        .statement(LEASE_READY)
        .run(expiresAtMs + 1, owner, model, route, fromPriority, limit);
      return rows;
    });
  }

  async commit(outcomes: readonly RequestOutcome[]): Promise<boolean[]> {
    return inSlices(outcomes, (slice) => {
      const published = this.#database.transaction(() => {
        this.#marks.save();
        return publishOutcomes(this.#database, slice);
      });
      this.#marks.add(slice.map(({ result }) => result));
      return published;
    });
  }

  async defer(requests: readonly Deferral[]): Promise<void> {
    const statement = this.#database.statement(DEFER);
    await inSlices(requests, (slice) =>
      this.#database.transaction(() => {
        const tallies = new Tallies();
        for (const request of slice) {
          const { tenant, id, fence, route = null } = request;
          if (route !== null) this.#tallyMove(tallies, request);
          const { notBeforeMs, attempts, firstAttemptAtMs } = request;
          statement.run(notBeforeMs, attempts, firstAttemptAtMs, route, tenant, id, fence);
        }
        tallies.write(this.#database);
        return [];
      }),
    );
  }

  #tallyMove(tallies: Tallies, { tenant, id, fence, route: to }: Deferral): void {
    const row = this.#database.statement(FIND_WAITING).get(tenant, id, fence);
    if (row === undefined || to === undefined) return;
    const route = word(row[1], ROUTES);
    if (route === to) return;
    const load = { inputTokens: number(row[2]), maxOutputTokens: number(row[3]) };
    tallies.moved({ model: text(row[0]), route, ...load }, to);
  }

  async extend(requests: readonly LeaseRef[], expiresAtMs: number): Promise<string[]> {
    const statement = this.#database.statement(EXTEND);
    return inSlices(requests, (slice) =>
      this.#database.transaction(() =>
        slice.flatMap(({ tenant, id, fence }) =>
          Number(statement.run(expiresAtMs + 1, tenant, id, fence).changes) > 0 ? [id] : [],
        ),
      ),
    );
  }

  async backlog(): Promise<Backlog[]> {
    return this.#database
      .statement(READ_BACKLOG)
      .all()
      .map((row) => ({
        model: text(row[0]),
        route: word(row[1], ROUTES),
        requests: number(row[2]),
        inputTokens: number(row[3]),
        maxOutputTokens: number(row[4]),
        nextDueAtMs: number(row[5]),
      }));
  }

  async withdrawn(refs: readonly LeaseRef[]): Promise<string[]> {
    const hasEnded = this.#database.statement(HAS_ENDED);
    return inSlices(refs, (slice) =>
      slice.filter(({ tenant, id }) => hasEnded.get(tenant, id) !== undefined).map(({ id }) => id),
    );
  }

  /**
   * Voids the leases of all owners but these at once. Only whoever holds the state directory may
   * call it: then all other owners are dead.
   */
  async releaseOwnersExcept(...owners: readonly string[]): Promise<number> {
    return this.#inRounds(RELEASE_OTHERS, JSON.stringify(owners));
  }

  /** Publications after a position, oldest first. Position 0 is before the first. */
  async publishedAfter(commitSeq: number, limit: number): Promise<Published[]> {
    return readPublished(this.#database, commitSeq, limit);
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
