/**
 * Buying capacity: how many of the next requests may go, and how fast.
 *
 * One purchase covers all requests of about a horizon, so that writes grow with time and not with
 * requests. What is bought is paced: calls leave one after another at the speed at which the
 * provider's bucket can bear them, never in a lump. A full bucket is emptied at a growing surplus
 * speed, since what overflows is lost; near empty, speed equals refill. A small margin stays in
 * the bucket to absorb jitter and estimate error.
 */

import {
  type CapacityState,
  effectivePerMinute,
  type LimitState,
  WORKER_MEMORY_MS,
} from './capacity-state.ts';
import { DIMENSIONS, type Dimension } from './provider-outcome.ts';
import { adjust, GRAINS_PER_UNIT } from './token-bucket.ts';

/** What one call is expected to take from each limit. Unit: units of the dimension. */
export type Claim = Readonly<Record<Dimension, number>>;

export interface PurchaseOrder {
  readonly owner: string;
  /** In order of dispatch; the first that fit are granted. */
  readonly claims: readonly Claim[];
  /** How far ahead to buy. Unit: ms. */
  readonly horizonMs: number;
  readonly nowMs: number;
  /** Reserved by this worker's calls in flight and not yet charged by the provider. */
  readonly pendingUnits: Partial<Record<Dimension, number>>;
  /** Charged for this worker's calls in flight, on our estimate alone. */
  readonly unconfirmedUnits: Partial<Record<Dimension, number>>;
}

export type PurchaseReply =
  | {
      readonly kind: 'granted';
      /** When each granted claim may leave. Unit: ms after the chunk begins. Ascending. */
      readonly offsetsMs: readonly number[];
      /** When the next chunk may begin. Unit: ms after this one begins. */
      readonly spanMs: number;
      /** Calls this worker may have in flight; `null` while unlimited. */
      readonly concurrency: number | null;
    }
  | { readonly kind: 'deferred'; readonly retryAfterMs: number };

/** Time in which a surplus is spent, once the provider has shown its depth, and before. Unit: ms. */
const DRAIN_MS = 500;
const DRAIN_UNCONFIRMED_MS = 1_000;
/** Left in the bucket, as time of the rate; at most a quarter of the depth. Unit: ms. */
const MARGIN_MS = 250;
/**
 * Share of what was charged on estimates alone that is kept back until answers confirm it. It
 * matters while a deep bucket is emptied: thousands of calls leave before the first answers.
 */
const ESTIMATE_DOUBT = 0.08;
/** Jitter allowed for when a single claim is larger than a horizon of the rate. Unit: ms. */
const LONE_MARGIN_MS = 50;
/** The longest a worker sleeps before it asks again, since others may give back. Unit: ms. */
const LONGEST_DEFERRAL_MS = 30_000;

interface Budget {
  readonly limit: LimitState;
  readonly dimension: Dimension;
  /** Unit: grains a ms, which equals units a minute. */
  readonly refillSpeed: number;
  readonly releaseSpeed: number;
  readonly marginGrains: number;
  readonly availableGrains: number;
}

/** Takes as many of the leading claims as all limits bear, all or nothing for each claim. */
export function purchase(
  state: CapacityState,
  order: PurchaseOrder,
): { state: CapacityState; value: PurchaseReply } {
  const nowMs = Math.floor(order.nowMs);
  const workers = recentWorkers(state, order.owner, nowMs);
  const next = { ...state, workers };
  if (nowMs < state.pausedUntilMs) {
    return {
      state: next,
      value: { kind: 'deferred', retryAfterMs: state.pausedUntilMs - nowMs },
    };
  }
  const workerCount = Object.keys(workers).length;
  const budgets = DIMENSIONS.flatMap((dimension) => {
    const limit = state.limits[dimension];
    return limit === undefined ? [] : [budgetOf(dimension, limit, state, order, workerCount)];
  });

  const granted = countGranted(budgets, order.claims);
  if (granted.count === 0) {
    const retryAfterMs = Math.min(
      LONGEST_DEFERRAL_MS,
      Math.max(1, ...budgets.map((budget) => waitFor(budget, order, workerCount))),
    );
    return { state: next, value: { kind: 'deferred', retryAfterMs } };
  }

  const limits: Partial<Record<Dimension, LimitState>> = { ...state.limits };
  for (const budget of budgets) {
    const taken = granted.taken[budget.dimension];
    limits[budget.dimension] = {
      ...budget.limit,
      bucket: { ...budget.limit.bucket, grains: budget.limit.bucket.grains - taken },
    };
  }
  const { offsetsMs, spanMs } = paceOf(budgets, order.claims.slice(0, granted.count));
  const concurrency =
    state.concurrency === null
      ? null
      : Math.max(1, Math.floor(state.concurrency / Math.max(1, workerCount)));
  return {
    state: { ...next, limits },
    value: { kind: 'granted', offsetsMs, spanMs, concurrency },
  };
}

/** Gives back claims bought and not sent. Never fills a bucket beyond its depth at the next refill. */
export function giveBack(state: CapacityState, claims: readonly Claim[]): CapacityState {
  const limits: Partial<Record<Dimension, LimitState>> = {};
  for (const dimension of DIMENSIONS) {
    const limit = state.limits[dimension];
    if (limit === undefined) continue;
    const units = claims.reduce((sum, claim) => sum + chargeOf(limit, claim[dimension]), 0);
    limits[dimension] = { ...limit, bucket: adjust(limit.bucket, units) };
  }
  return { ...state, limits };
}

/** What the provider is expected to charge for an estimate. Unit: units, may be fractional. */
export function chargeOf(limit: LimitState, estimatedUnits: number): number {
  return (estimatedUnits * limit.chargePerMille) / 1_000;
}

function budgetOf(
  dimension: Dimension,
  limit: LimitState,
  state: CapacityState,
  { horizonMs, pendingUnits, unconfirmedUnits }: PurchaseOrder,
  workerCount: number,
): Budget {
  const refillSpeed = effectivePerMinute(limit, state.ratePerMille);
  const depthGrains = limit.depthUnits * GRAINS_PER_UNIT;
  // What is reserved and not yet charged still lies in the provider's bucket. Where that alone
  // would keep a shallow bucket full, and refill overflow, more may be sold than it holds.
  const pendingGrains = (pendingUnits[dimension] ?? 0) * GRAINS_PER_UNIT * workerCount;
  const doubtGrains =
    (unconfirmedUnits[dimension] ?? 0) * GRAINS_PER_UNIT * workerCount * ESTIMATE_DOUBT;
  const marginGrains = Math.min(
    Math.min(depthGrains / 4, refillSpeed * MARGIN_MS) + doubtGrains,
    depthGrains / 2 - pendingGrains,
  );
  const level = limit.bucket.grains;
  const surplus = Math.max(0, level - marginGrains);
  const drainMs = limit.isDepthKnown ? DRAIN_MS : DRAIN_UNCONFIRMED_MS;
  const releaseSpeed = Math.min(
    refillSpeed + surplus / drainMs,
    (refillSpeed * state.surgePerMille) / 1_000,
  );
  const sellable = Math.min(
    releaseSpeed * horizonMs,
    level + refillSpeed * horizonMs - marginGrains,
  );
  // Two shares rather than one, so that a worker with more to do than its neighbours may take more.
  const share = workerCount > 1 ? Math.min(1, 2 / workerCount) : 1;
  return {
    limit,
    dimension,
    refillSpeed,
    releaseSpeed,
    marginGrains,
    availableGrains: sellable * share,
  };
}

function countGranted(
  budgets: readonly Budget[],
  claims: readonly Claim[],
): { count: number; taken: Record<Dimension, number> } {
  const taken: Record<Dimension, number> = {
    requests: 0,
    inputTokens: 0,
    outputTokens: 0,
    totalTokens: 0,
  };
  let count = 0;
  for (const claim of claims) {
    const isFirst = count === 0;
    const fits = budgets.every((budget) => {
      const cost = costGrains(budget.limit, claim[budget.dimension]);
      if (cost === 0 || taken[budget.dimension] + cost <= budget.availableGrains) return true;
      return isFirst && budget.limit.bucket.grains >= loneThreshold(budget, cost);
    });
    if (!fits) break;
    for (const budget of budgets) {
      taken[budget.dimension] += costGrains(budget.limit, claim[budget.dimension]);
    }
    count += 1;
  }
  return { count, taken };
}

/**
 * Level from which one claim may go although it exceeds the horizon's budget: the bucket really
 * holds it, or it is larger than the bucket and the bucket is full. It then leaves debt, so that
 * the sustained rate still holds.
 */
function loneThreshold(budget: Budget, cost: number): number {
  const depthGrains = budget.limit.depthUnits * GRAINS_PER_UNIT;
  return Math.min(cost + budget.refillSpeed * LONE_MARGIN_MS, depthGrains);
}

function waitFor(
  budget: Budget,
  { claims, horizonMs }: PurchaseOrder,
  workerCount: number,
): number {
  const first = claims[0];
  if (first === undefined) return horizonMs;
  const cost = costGrains(budget.limit, first[budget.dimension]);
  if (cost === 0) return 0;
  const level = budget.limit.bucket.grains;
  const share = workerCount > 1 ? Math.min(1, 2 / workerCount) : 1;
  const untilShare = cost / share - budget.refillSpeed * horizonMs + budget.marginGrains - level;
  const untilLone = loneThreshold(budget, cost) - level;
  const missing = Math.max(0, Math.min(untilShare, untilLone));
  // Asking again for one claim at a time would make writes grow with requests.
  const chunk = workerCount > 1 ? horizonMs / workerCount : horizonMs / 4;
  return missing === 0 ? 0 : Math.max(Math.ceil(missing / budget.refillSpeed), Math.ceil(chunk));
}

function paceOf(
  budgets: readonly Budget[],
  claims: readonly Claim[],
): { offsetsMs: number[]; spanMs: number } {
  const offsetsMs: number[] = [];
  const sums = budgets.map(() => 0);
  let elapsedMs = 0;
  for (const claim of claims) {
    offsetsMs.push(elapsedMs);
    budgets.forEach((budget, index) => {
      const sum = (sums[index] ?? 0) + costGrains(budget.limit, claim[budget.dimension]);
      sums[index] = sum;
      elapsedMs = Math.max(elapsedMs, sum / budget.releaseSpeed);
    });
  }
  return { offsetsMs, spanMs: elapsedMs };
}

function costGrains(limit: LimitState, estimatedUnits: number): number {
  return Math.round(chargeOf(limit, estimatedUnits) * GRAINS_PER_UNIT);
}

function recentWorkers(
  state: CapacityState,
  owner: string,
  nowMs: number,
): Readonly<Record<string, number>> {
  const recent = Object.entries(state.workers).filter(
    ([name, seenAtMs]) => name !== owner && nowMs - seenAtMs < WORKER_MEMORY_MS,
  );
  return Object.fromEntries([...recent, [owner, nowMs]]);
}
