import type { Lane } from '../domain/lanes/lane.ts';
import type {
  LeasedRequest,
  RequestOutcome,
  RequestSpec,
  RequestStatus,
  RequestView,
  Route,
} from '../domain/requests/request.ts';

/** What became of one submitted request. Index-aligned with what was submitted. */
export type AcceptOutcome =
  | { readonly kind: 'created'; readonly id: string }
  /** The same key and fingerprint was accepted before. */
  | { readonly kind: 'replayed'; readonly id: string; readonly status: RequestStatus }
  /** The same key was accepted with another fingerprint. */
  | { readonly kind: 'conflict'; readonly id: string };

export interface ListFilter {
  readonly tenant: string;
  readonly status?: RequestStatus;
  readonly tag?: string;
  readonly batchId?: string;
  readonly model?: string;
  /** Cursor: the id after which to go on, in order of acceptance, newest first. */
  readonly after?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface PublishedFilter {
  readonly tenant: string;
  readonly batchId: string;
  /** Where the page before ended; `null` for the first. */
  readonly after: string | null;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface PublishedPage {
  readonly items: RequestView[];
  /** Where to go on; `null` when nothing more has ended. */
  readonly next: string | null;
}

export interface UsageFilter {
  readonly tenant: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly groupBy: readonly ('tag' | 'model' | 'day' | 'lane' | 'batch')[];
}

export interface UsageRow {
  readonly tag: string | null;
  readonly model: string | null;
  /** UTC, `2026-11-24`. */
  readonly day: string | null;
  readonly lane: Lane | null;
  readonly batch: string | null;
  readonly requests: number;
  readonly succeeded: number;
  readonly failed: number;
  /** All of the prompts, however billed. */
  readonly inputTokens: number;
  /** The part of them read from a provider's cache. */
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  readonly costMicroUsd: number;
}

export interface StatusCounts {
  readonly queued: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly expired: number;
}

/** The ledger of requests, as callers use it. Every call names the tenant; a foreign id is unknown. */
export interface RequestStore {
  /** Records requests, each at most once per (tenant, id). Atomic per request; durable on return. */
  accept(requests: readonly RequestSpec[]): Promise<AcceptOutcome[]>;
  get(tenant: string, id: string): Promise<RequestView | null>;
  list(filter: ListFilter): Promise<{ items: RequestView[]; hasMore: boolean }>;
  /**
   * Requests of a batch that have ended, in an order that does not change once all have. On one
   * machine it is that of publication, so that what is read of a batch under way is a beginning.
   */
  published(filter: PublishedFilter): Promise<PublishedPage>;
  counts(tenant: string, batchId?: string): Promise<StatusCounts>;
  usage(filter: UsageFilter): Promise<UsageRow[]>;
}

export interface LeaseQuery {
  /** Only requests of this model. */
  readonly model: string;
  /** Only requests that wait in this queue. @default 'sync' */
  readonly route?: Route;
  /** Only requests of this priority, or less urgent ones. @default all */
  readonly fromPriority?: number;
  readonly owner: string;
  readonly nowMs: number;
  /** The lease is void after this instant. */
  readonly expiresAtMs: number;
  readonly limit: number;
}

/** The ledger of requests, as workers use it. */
export interface WorkStore {
  /**
   * Takes up to `limit` requests that are queued and due, or whose lease ran out, in order of
   * priority, then prefix group, then acceptance. Each is granted to one owner only; its fence
   * grows by one.
   */
  lease(query: LeaseQuery): Promise<LeasedRequest[]>;
  /**
   * Publishes outcomes, each only if the request is not terminal yet. Returns which of them
   * were published, index-aligned; `false` means another result stands, and ours is dropped.
   * Durable on return.
   */
  commit(outcomes: readonly RequestOutcome[]): Promise<boolean[]>;
  /** Hands requests back, to be leased again no sooner than `notBeforeMs`. Void if the fence is stale. */
  defer(requests: readonly Deferral[]): Promise<void>;
  /**
   * Extends the leases of these requests, and returns the ids of those that are still held: neither
   * granted to another owner since, nor handed back. Some that have ended meanwhile may be among them.
   */
  extend(requests: readonly LeaseRef[], expiresAtMs: number): Promise<string[]>;
  /** Models that have requests not yet terminal, by queue, with how many and how many tokens they hold. */
  backlog(): Promise<Backlog[]>;
  /** Ids of requests that ended otherwise (cancelled) while this owner holds them. */
  withdrawn(refs: readonly LeaseRef[]): Promise<string[]>;
}

export interface LeaseRef {
  readonly id: string;
  readonly tenant: string;
  readonly fence: number;
}

export interface Deferral extends LeaseRef {
  readonly notBeforeMs: number;
  /** Attempts to record; a deferral that began no call leaves it as it was. */
  readonly attempts: number;
  readonly firstAttemptAtMs: number | null;
  /** The queue to wait in from now on. @default the one it came from */
  readonly route?: Route;
}

export interface Backlog {
  readonly model: string;
  readonly route: Route;
  readonly requests: number;
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
  /** Earliest instant at which something may be leased. Unit: ms since the epoch. */
  readonly nextDueAtMs: number;
  /**
   * Since when the oldest of them could have been leased; in the future when none can be yet.
   * Left out by stores that do not know. Unit: ms since the epoch.
   */
  readonly waitingSinceMs?: number;
}
