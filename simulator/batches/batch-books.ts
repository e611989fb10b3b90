/** What happened to batches, of both dialects together. */
export interface BatchStats {
  readonly created: number;
  /** By the status they have now. */
  readonly byStatus: Readonly<Record<string, number>>;
  readonly rows: {
    /** Rows of batches that passed validation. */
    readonly submitted: number;
    readonly billed: number;
    /** Submitted while an earlier submission of the same request was queued, or after it had been billed. */
    readonly duplicate: number;
  };
  /** Batches with a duplicate row. */
  readonly duplicateBatches: number;
  /** At the batch price; part of the cost of the whole. */
  readonly costMicroUsd: number;
  /** Prompt tokens of unfinished batches, by model. */
  readonly enqueuedTokens: Readonly<Record<string, number>>;
  /** Requests in unfinished message batches. */
  readonly queuedRequests: number;
  /** Batches whose id nobody ever asked for. */
  readonly orphans: number;
}

export interface FileStats {
  readonly uploaded: number;
  readonly deleted: number;
  readonly expired: number;
  /** Kept now, result files included. */
  readonly stored: number;
  readonly storedBytes: number;
  readonly orphans: {
    /** Kept input files that no batch was made of. */
    readonly inputs: number;
    /** Kept result files that nobody ever downloaded. */
    readonly results: number;
  };
}

export interface WebhookStats {
  /** Events that happened. */
  readonly events: number;
  /** Calls made, repeats and retries included. */
  readonly sent: number;
  /** Calls answered with a status of success. */
  readonly delivered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
}

/** The running account of batches. */
export class BatchBooks {
  created = 0;
  rowsSubmitted = 0;
  rowsBilled = 0;
  duplicateRows = 0;
  duplicateBatches = 0;
  queuedRequests = 0;
  costMillionths = 0;
  readonly #enqueued = new Map<string, number>();

  enqueuedOn(model: string): number {
    return this.#enqueued.get(model) ?? 0;
  }

  /** Takes tokens into the queue of a model, or out of it if negative. */
  enqueue(model: string, tokens: number): void {
    const left = this.enqueuedOn(model) + tokens;
    if (left > 0) this.#enqueued.set(model, left);
    else this.#enqueued.delete(model);
  }

  snapshot(statuses: Iterable<string>, orphans: number): BatchStats {
    const byStatus: Record<string, number> = {};
    for (const status of statuses) byStatus[status] = (byStatus[status] ?? 0) + 1;
    return {
      created: this.created,
      byStatus,
      rows: {
        submitted: this.rowsSubmitted,
        billed: this.rowsBilled,
        duplicate: this.duplicateRows,
      },
      duplicateBatches: this.duplicateBatches,
      costMicroUsd: Math.round(this.costMillionths / 1_000_000),
      enqueuedTokens: Object.fromEntries(this.#enqueued),
      queuedRequests: this.queuedRequests,
      orphans,
    };
  }
}
