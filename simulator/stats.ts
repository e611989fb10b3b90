import type { BatchStats, FileStats, WebhookStats } from './batches/batch-books.ts';
import type { FaultKind } from './faults.ts';
import type { DurationSummary } from './histogram.ts';
import type { Dimension, PerDimension } from './limits.ts';
import type { BilledTokens } from './prices.ts';

/** 429s by their reason. */
export interface RefusalCounts extends PerDimension {
  readonly total: number;
  readonly concurrency: number;
  /** The charge exceeds the bucket; counted apart from the dimension. */
  readonly tooLarge: number;
}

export interface BucketUse {
  readonly limit: number;
  readonly capacity: number;
  /** Units charged, settlements included. */
  readonly admitted: number;
  /** Capacity at the first admission plus refill until the last one, overflow included. */
  readonly offered: number;
  readonly utilization: number;
}

/** What happened on one model, or on all of them. */
export interface ModelStats {
  /** Requests that named the model and were valid. */
  readonly received: number;
  readonly admitted: number;
  readonly refused: RefusalCounts;
  /** 429s sent while a retry-after of the same model was in force. */
  readonly refusedDuringRetryAfter: number;
  /** The same, less those that came within 50 ms and may have been on the wire already. */
  readonly refusedDefyingRetryAfter: number;
  /** Work done, whether or not the answer arrived, rows of batches included; each is billed once. */
  readonly billed: number;
  /** Good answers handed whole to a client that was still there. */
  readonly served: number;
  /** Answers whose client had gone. */
  readonly abandoned: number;
  readonly inFlight: number;
  readonly peakInFlight: number;
  readonly tokens: BilledTokens;
  readonly costMicroUsd: number;
  readonly firstAdmissionAtMs: number | null;
  readonly lastAdmissionAtMs: number | null;
}

/** What happened on the routes that run a model. */
export interface LiveStats extends ModelStats {
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Every request on a route that runs a model, valid or not. */
  readonly received: number;
  /** Error answers to invalid requests, by status. */
  readonly invalid: Readonly<Record<string, number>>;
  readonly faults: { readonly [K in FaultKind]?: number };
  /** Different request keys seen, refused ones included. */
  readonly distinctRequests: number;
  /** Times a request was billed again. */
  readonly duplicates: number;
  /** Times a request was billed again though a good answer had been handed over. */
  readonly avoidableDuplicates: number;
  /** Billed work, rows of batches included, on models without a price; it is missing from the cost. */
  readonly unpriced: number;
  /** From the arrival of served requests to their answers, on the server. */
  readonly serviceTimeMs: DurationSummary;
  readonly models: Readonly<
    Record<string, ModelStats & { readonly buckets: { readonly [D in Dimension]?: BucketUse } }>
  >;
}

/** Batches and files are counted apart; their rows are billed in the figures of their models. */
export interface Stats extends LiveStats {
  readonly batches: BatchStats;
  readonly files: FileStats;
  readonly webhooks: WebhookStats;
}
