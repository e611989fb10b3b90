/** What a caller submitted, and the states it passes through. */

import type { TokenUsage } from '../cost/usage.ts';
import type { Lane } from '../lanes/lane.ts';
import type { SlicePlace } from './slice-plan.ts';

/** Provider routes a request may address, as OpenAI and Anthropic name them. */
export const ENDPOINTS = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/messages',
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** Queues of the ledger: `sync` is worked off by calls, `native` is gathered into batches. */
export const ROUTES = ['sync', 'native'] as const;
export type Route = (typeof ROUTES)[number];

/** Where a run of bytes is kept: a segment holds many bodies or results, one line each. */
export interface PayloadPointer {
  readonly segment: string;
  /** Unit: bytes from the start of the segment. */
  readonly offset: number;
  /** Without the line break. Unit: bytes. */
  readonly length: number;
}

export type RequestStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired';

/** Lower is served first among requests of one model that are ready. */
export const PRIORITIES = { interactive: 0, standard: 5, bulk: 9 } as const;

/** Everything the engine knows of a request before it is answered; never its body. */
export interface RequestSpec {
  /** Unique per tenant; derived from the caller's idempotency key where there is one. */
  readonly id: string;
  readonly tenant: string;
  /** The caller's own name for the request, unique within its batch. */
  readonly customId: string | null;
  readonly batchId: string | null;
  readonly model: string;
  readonly endpoint: Endpoint;
  /** The lane asked for; `null` lets the planner choose. */
  readonly lane: Lane | null;
  readonly priority: number;
  readonly tags: readonly string[];
  /** Digest of the canonical body and endpoint. Same key and other fingerprint is refused. */
  readonly fingerprint: string;
  readonly body: PayloadPointer;
  /** Estimated prompt size. Unit: tokens. */
  readonly inputTokens: number;
  /** Most the answer may hold, or an assumption where the caller set none. Unit: tokens. */
  readonly maxOutputTokens: number;
  /** Digest of the long opening the request may share with others; `null` when short. */
  readonly prefixKey: string | null;
  /** Orders requests so that those sharing a prefix are neighbours. */
  readonly groupOrder: number;
  readonly createdAtMs: number;
  /** After this instant the answer is no longer wanted; `null` for no deadline. */
  readonly deadlineAtMs: number | null;
  /** For stores that keep requests in slices. @default a slice of its own, named by the id */
  readonly slice?: SlicePlace;
  /**
   * Reserved in the tenant's budget of the month of `createdAtMs`; given back, and what it did cost
   * booked, in the same write that publishes (or books) its outcome. Not part of a view.
   * @default the tenant has no budget. Unit: micro-dollars.
   */
  readonly reservedMicroUsd?: number;
  /** The queue it waits in; a deferral may move it. Left out where it is `sync`. @default 'sync' */
  readonly route?: Route;
}

/** A request as its owner works on it. */
export interface LeasedRequest extends RequestSpec {
  /** Attempts already begun that counted. */
  readonly attempts: number;
  /** Grows with each lease; a write with an older fence changes nothing. */
  readonly fence: number;
  readonly firstAttemptAtMs: number | null;
}

/** The one published outcome of a request. */
export interface RequestOutcome {
  readonly id: string;
  readonly tenant: string;
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'expired';
  /** HTTP status of the provider's answer; 0 when none came. */
  readonly statusCode: number;
  readonly errorCode: string | null;
  readonly lane: Lane;
  readonly provider: string;
  readonly usage: TokenUsage;
  readonly costMicroUsd: number;
  readonly attempts: number;
  readonly firstAttemptAtMs: number | null;
  readonly finishedAtMs: number;
  readonly result: PayloadPointer;
}

/** A request as its caller sees it. */
export interface RequestView extends RequestSpec {
  readonly status: RequestStatus;
  readonly attempts: number;
  readonly notBeforeMs: number;
  readonly outcome: RequestOutcome | null;
}
