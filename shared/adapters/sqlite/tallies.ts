import type { RequestOutcome, RequestSpec, Route } from '../../domain/requests/request.ts';
import type { Database } from './database.ts';

type Status = RequestOutcome['status'];

interface BatchTally extends Record<Status, number> {
  readonly tenant: string;
  readonly batchId: string;
  accepted: number;
}

interface BacklogTally {
  readonly model: string;
  readonly route: Route;
  requests: number;
  inputTokens: number;
  maxOutputTokens: number;
}

type Load = Pick<RequestSpec, 'model' | 'inputTokens' | 'maxOutputTokens' | 'route'>;

/** How many rows of one batch, or of none (`''`), a transaction changed. */
const ADD_TO_BATCH = `
  INSERT INTO batch_counts (tenant, batch_id, accepted, succeeded, failed, cancelled, expired)
  VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET accepted = accepted + excluded.accepted,
    succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed,
    cancelled = cancelled + excluded.cancelled, expired = expired + excluded.expired`;

const ADD_TO_BACKLOG = `
  INSERT INTO backlog (model, route, requests, input_tokens, max_output_tokens)
  VALUES (?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
    input_tokens = input_tokens + excluded.input_tokens,
    max_output_tokens = max_output_tokens + excluded.max_output_tokens`;

/**
 * Gathers what one transaction adds to the counters, so that hundreds of rows cost a few
 * counter writes and no reader ever counts rows.
 */
export class Tallies {
  readonly #batches = new Map<string, BatchTally>();
  readonly #queues = new Map<string, BacklogTally>();

  accepted(tenant: string, batchId: string, load: Load): void {
    this.#batch(tenant, batchId).accepted += 1;
    this.#addToBacklog(load, 1);
  }

  ended(tenant: string, batchId: string, status: Status, load: Load): void {
    this.#batch(tenant, batchId)[status] += 1;
    this.#addToBacklog(load, -1);
  }

  /** A request that waits moves from one queue to another. */
  moved(load: Load, to: Route): void {
    this.#addToBacklog(load, -1);
    this.#addToBacklog({ ...load, route: to }, 1);
  }

  /** Writes the sums. Call once, at the end of the transaction. */
  write(database: Database): void {
    for (const tally of this.#batches.values()) {
      database
        .statement(ADD_TO_BATCH)
        .run(
          tally.tenant,
          tally.batchId,
          tally.accepted,
          tally.succeeded,
          tally.failed,
          tally.cancelled,
          tally.expired,
        );
    }
    for (const { model, route, requests, inputTokens, maxOutputTokens } of this.#queues.values()) {
      database.statement(ADD_TO_BACKLOG).run(model, route, requests, inputTokens, maxOutputTokens);
    }
  }

  #batch(tenant: string, batchId: string): BatchTally {
    const key = `${tenant}\0${batchId}`;
    let tally = this.#batches.get(key);
    if (!tally) {
      tally = { tenant, batchId, accepted: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 };
      this.#batches.set(key, tally);
    }
    return tally;
  }

  #addToBacklog({ model, route = 'sync', inputTokens, maxOutputTokens }: Load, sign: 1 | -1): void {
    const key = `${route}\0${model}`;
    let tally = this.#queues.get(key);
    if (!tally) {
      tally = { model, route, requests: 0, inputTokens: 0, maxOutputTokens: 0 };
      this.#queues.set(key, tally);
    }
    tally.requests += sign;
    tally.inputTokens += sign * inputTokens;
    tally.maxOutputTokens += sign * maxOutputTokens;
  }
}
