import type { RequestOutcome, RequestSpec } from '../../domain/request.ts';
import type { Database } from './database.ts';

type Status = RequestOutcome['status'];

interface BatchTally extends Record<Status, number> {
  readonly tenant: string;
  readonly batchId: string;
  accepted: number;
}

interface BacklogTally {
  requests: number;
  inputTokens: number;
  maxOutputTokens: number;
}

type Load = Pick<RequestSpec, 'model' | 'inputTokens' | 'maxOutputTokens'>;

/** How many rows of one batch, or of none (`''`), a transaction changed. */
const ADD_TO_BATCH = `
  INSERT INTO batch_counts (tenant, batch_id, accepted, succeeded, failed, cancelled, expired)
  VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET accepted = accepted + excluded.accepted,
    succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed,
    cancelled = cancelled + excluded.cancelled, expired = expired + excluded.expired`;

const ADD_TO_BACKLOG = `
  INSERT INTO backlog (model, requests, input_tokens, max_output_tokens) VALUES (?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
    input_tokens = input_tokens + excluded.input_tokens,
    max_output_tokens = max_output_tokens + excluded.max_output_tokens`;

/**
 * Gathers what one transaction adds to the counters, so that hundreds of rows cost a few
 * counter writes and no reader ever counts rows.
 */
export class Tallies {
  readonly #batches = new Map<string, BatchTally>();
  readonly #models = new Map<string, BacklogTally>();

  accepted(tenant: string, batchId: string, load: Load): void {
    this.#batch(tenant, batchId).accepted += 1;
    this.#addToBacklog(load, 1);
  }

  ended(tenant: string, batchId: string, status: Status, load: Load): void {
    this.#batch(tenant, batchId)[status] += 1;
    this.#addToBacklog(load, -1);
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
    for (const [model, { requests, inputTokens, maxOutputTokens }] of this.#models) {
      database.statement(ADD_TO_BACKLOG).run(model, requests, inputTokens, maxOutputTokens);
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

  #addToBacklog({ model, inputTokens, maxOutputTokens }: Load, sign: 1 | -1): void {
    let tally = this.#models.get(model);
    if (!tally) {
      tally = { requests: 0, inputTokens: 0, maxOutputTokens: 0 };
      this.#models.set(model, tally);
    }
    tally.requests += sign;
    tally.inputTokens += sign * inputTokens;
    tally.maxOutputTokens += sign * maxOutputTokens;
  }
}
