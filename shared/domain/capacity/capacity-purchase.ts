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
  FULL_RATE_PER_MILLE,
  type LimitState,
  type SpendingPlan,
} from './capacity-state.ts';
import { DIMENSIONS, type Dimension } from './provider-outcome.ts';
import { adjust, GRAINS_PER_UNIT } from './token-bucket.ts';
import { concurrencyShare, sharedHorizonMs, withWorker, workerCount } from './worker-shares.ts';

/** What one call is expected to take from each limit. Unit: units of the dimension. */
export type Claim = Readonly<Record<Dimension, number>>;

export interface PurchaseOrder {
  readonly owner: string;
  /** In order of dispatch; the first that fit are granted. */
  readonly claims: readonly Claim[];
  /** How far ahead to buy where nobody else does. Unit: ms. */
  readonly horizonMs: number;
  readonly nowMs: number;
  /** When the first claim may leave at the earliest. Unit: ms since the epoch. */
  readonly beginsAtMs: number;
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
/** With others about, less than this part of a share is not worth a write. */
const LEAST_SHARE = 0.5;
/** A worker without a slot asks again after this, since others may have gone. Unit: ms. */
const WITHOUT_SLOT_MS = 1_000;
/** The longest a worker sleeps before it asks again, since others may give back. Unit: ms. */
const LONGEST_DEFERRAL_MS = 30_000;

interface Budget {
  readonly limit: LimitState;
  readonly dimension: Dimension;
  /** Unit: grains a ms, which equals units a minute. */
  readonly refillSpeed: number;
  /** This worker's part of the refill, and the surplus. */
  readonly releaseSpeed: number;
  readonly marginGrains: number;
  /** What this worker may take of the refill of one horizon. */
  readonly shareGrains: number;
  /** Less is not worth a write; 0 where nobody else writes. */
  readonly leastGrains: number;
  readonly availableGrains: number;
}

/** Takes as many of the leading claims as all limits bear, all or nothing for each claim. */
export function purchase(
  state: CapacityState,
  order: PurchaseOrder,
): { state: CapacityState; value: PurchaseReply } {
  const nowMs = Math.floor(order.nowMs);
  const next = withWorker(state, order.owner, nowMs);
  const concurrency = concurrencyShare(next, order.owner);
  const pauseMs = next.pausedUntilMs - nowMs;
  if (pauseMs > 0) return { state: next, value: { kind: 'deferred', retryAfterMs: pauseMs } };
  if (concurrency === 0) {
    return { state: next, value: { kind: 'deferred', retryAfterMs: WITHOUT_SLOT_MS } };
  }
  const horizonMs = sharedHorizonMs(order.horizonMs, workerCount(next));
  const budgets = DIMENSIONS.flatMap((dimension) => {
    const limit = next.limits[dimension];
    return limit === undefined ? [] : [budgetOf(dimension, limit, next, order, horizonMs)];
  });

  const granted = countGranted(budgets, order.claims);
  const isCrumb =
    granted.count < order.claims.length &&
    budgets.some(({ dimension, availableGrains, leastGrains }) => {
      return Math.max(availableGrains, granted.taken[dimension]) < leastGrains;
    });
  if (granted.count === 0 || isCrumb) {
    const waitsMs = budgets.map((budget) => waitFor(budget, order.claims, horizonMs));
    const retryAfterMs = Math.min(LONGEST_DEFERRAL_MS, Math.max(1, ...waitsMs));
    return { state: next, value: { kind: 'deferred', retryAfterMs } };
  }

  const grantedClaims = order.claims.slice(0, granted.count);
  const limits: Partial<Record<Dimension, LimitState>> = { ...next.limits };
  const units: Partial<Record<Dimension, number>> = {};
  for (const { dimension, limit } of budgets) {
    const taken = granted.taken[dimension];
    units[dimension] = grantedClaims.reduce((sum, claim) => sum + claim[dimension], 0);
    limits[dimension] = {
      ...limit,
      bucket: { ...limit.bucket, grains: limit.bucket.grains - taken },
    };
  }
  const { offsetsMs, spanMs } = paceOf(budgets, grantedClaims);
  const fromMs = Math.floor(order.beginsAtMs);
  const plan: SpendingPlan = { fromMs, untilMs: Math.ceil(fromMs + spanMs), units };
  return {
    state: { ...next, limits, plans: { ...next.plans, [order.owner]: plan } },
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
  { pendingUnits, unconfirmedUnits }: PurchaseOrder,
  horizonMs: number,
): Budget {
  const workers = workerCount(state);
  const refillSpeed = effectivePerMinute(limit, state.ratePerMille);
  const depthGrains = limit.depthUnits * GRAINS_PER_UNIT;
  // What is reserved and not yet charged still lies in the provider's bucket. Where that alone
  // would keep a shallow bucket full, and refill overflow, more may be sold than it holds.
  const pendingGrains = (pendingUnits[dimension] ?? 0) * GRAINS_PER_UNIT * workers;
  const doubtGrains =
    (unconfirmedUnits[dimension] ?? 0) * GRAINS_PER_UNIT * workers * ESTIMATE_DOUBT;
  const marginGrains = Math.min(
    Math.min(depthGrains / 4, refillSpeed * MARGIN_MS) + doubtGrains,
    depthGrains / 2 - pendingGrains,
  );
  const level = limit.bucket.grains;
  const surplus = Math.max(0, level - marginGrains);
  const drainMs = limit.isDepthKnown ? DRAIN_MS : DRAIN_UNCONFIRMED_MS;
  const surplusSpeed = Math.min(
    surplus / drainMs,
    (refillSpeed * (state.surgePerMille - FULL_RATE_PER_MILLE)) / FULL_RATE_PER_MILLE,
  );
  const shareGrains = (refillSpeed * horizonMs) / workers;
  return {
    limit,
    dimension,
    refillSpeed,
    releaseSpeed: refillSpeed / workers + surplusSpeed,
    marginGrains,
    shareGrains,
    leastGrains: workers > 1 ? shareGrains * LEAST_SHARE : 0,
    availableGrains: Math.min(
      shareGrains + surplusSpeed * horizonMs,
      shareGrains + surplus,
      level + refillSpeed * horizonMs - marginGrains,
    ),
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

/** When the first claim may go: by the budget, or alone. */
function waitFor(budget: Budget, [first]: readonly Claim[], horizonMs: number): number {
  if (first === undefined) return horizonMs;
  const { limit, refillSpeed, marginGrains, shareGrains, leastGrains } = budget;
  const cost = costGrains(limit, first[budget.dimension]);
  if (cost === 0) return 0;
  const forRefill = Math.max(cost, leastGrains) + marginGrains - refillSpeed * horizonMs;
  const forShare = cost > shareGrains ? cost + marginGrains - shareGrains : 0;
  const needed = Math.min(Math.max(forRefill, forShare), loneThreshold(budget, cost));
  const missing = needed - limit.bucket.grains;
  // Asking again for one claim at a time would make writes grow with requests.
  return missing <= 0 ? 0 : Math.max(Math.ceil(missing / refillSpeed), Math.ceil(horizonMs / 4));
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
