import type { PayloadPointer, RequestOutcome } from '../../domain/requests/request.ts';
import { TERMINAL_STATUSES } from '../../domain/requests/request-state.ts';
import { BudgetSums } from './budget-sums.ts';
import { number, numberOrNull, text, textOrNull, word } from './columns.ts';
import type { Database } from './database.ts';
import { Tallies } from './tallies.ts';
import { UsageSums } from './usage-rollup.ts';

const FIND_REQUEST = `
  SELECT r.seq, r.model, r.batch_id, r.tags, r.input_tokens, r.max_output_tokens,
    r.reserved_micro_usd, r.created_at_ms, w.route
  FROM requests r LEFT JOIN work w ON w.seq = r.seq WHERE r.tenant = ? AND r.id = ?`;

/** Publishes: the primary key lets only one outcome of a request in. */
const INSERT_OUTCOME = `
  INSERT INTO outcomes (seq, commit_seq, tenant, status, attempts, first_attempt_at_ms,
    status_code, error_code, lane, provider, input_tokens, cached_input_tokens, cache_write_tokens,
    cache_write_1h_tokens, output_tokens, cost_micro_usd, finished_at_ms, result_segment,
    result_offset, result_length, batch_id)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (seq) DO NOTHING`;

const END_WORK = 'DELETE FROM work WHERE seq = ?';

const LAST_COMMIT = 'SELECT coalesce(max(commit_seq), 0) FROM outcomes';

const PUBLISHED_AFTER = `
  SELECT o.commit_seq, r.tenant, r.id, r.custom_id, r.batch_id, o.status, o.result_segment,
    o.result_offset, o.result_length
  FROM outcomes o INDEXED BY outcomes_by_commit CROSS JOIN requests r ON r.seq = o.seq
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

/** Publishes outcomes, each unless another stands. Part of a transaction of the caller's. */
export function publishOutcomes(
  database: Database,
  outcomes: readonly RequestOutcome[],
): boolean[] {
  const tallies = new Tallies();
  const usage = new UsageSums();
  const budgets = new BudgetSums();
  const find = database.statement(FIND_REQUEST);
  let commitSeq = number(database.statement(LAST_COMMIT).get()?.[0]);
  const published = outcomes.map((outcome) => {
    const row = find.get(outcome.tenant, outcome.id);
    if (!row) return false;
    const batch = textOrNull(row[2] ?? null);
    if (!publish(database, { seq: number(row[0]), commitSeq: commitSeq + 1, batch }, outcome)) {
      return false;
    }
    commitSeq += 1;
    const model = text(row[1]);
    const batchId = batch ?? '';
    tallies.ended(outcome.tenant, batchId, outcome.status, {
      model,
      inputTokens: number(row[4]),
      maxOutputTokens: number(row[5]),
      route: row[8] === 'native' ? 'native' : 'sync',
    });
    usage.add(outcome, { model, batchId, tags: text(row[3]) });
    budgets.add(outcome, numberOrNull(row[6]), number(row[7]));
    return true;
  });
  tallies.write(database);
  usage.write(database);
  budgets.write(database);
  return published;
}

interface Place {
  readonly seq: number;
  readonly commitSeq: number;
  readonly batch: string | null;
}

function publish(
  database: Database,
  { seq, commitSeq, batch }: Place,
  outcome: RequestOutcome,
): boolean {
  const { usage, result } = outcome;
  const { changes } = database
    .statement(INSERT_OUTCOME)
    .run(
      seq,
      commitSeq,
      outcome.tenant,
      outcome.status,
      outcome.attempts,
      outcome.firstAttemptAtMs,
      outcome.statusCode,
      outcome.errorCode,
      outcome.lane,
      outcome.provider,
      usage.inputTokens,
      usage.cachedInputTokens,
      usage.cacheWriteTokens,
      usage.cacheWrite1hTokens,
      usage.outputTokens,
      outcome.costMicroUsd,
      outcome.finishedAtMs,
      result.segment,
      result.offset,
      result.length,
      batch,
    );
  if (changes === 0) return false;
  database.statement(END_WORK).run(seq);
  return true;
}

/** Publications after a position, oldest first. Position 0 is before the first. */
export function readPublished(database: Database, commitSeq: number, limit: number): Published[] {
  return database
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
