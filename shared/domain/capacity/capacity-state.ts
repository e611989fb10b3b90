/**
 * What all workers together know of one model's limits. Plain data, kept as one item in a store
 * and changed only by the pure steps of `capacity-purchase.ts` and `capacity-learning.ts`.
 */

import type { ModelLimits } from './model-limits.ts';
import { DIMENSIONS, type Dimension } from './provider-outcome.ts';
import { type BucketState, GRAINS_PER_UNIT, refill } from './token-bucket.ts';

/** One limit: what was declared, what the provider taught, and what is left. */
export interface LimitState {
  /** From the configuration; `null` when the provider's headers taught the limit. Unit: per minute. */
  readonly declaredPerMinute: number | null;
  /** The rate as now believed. Unit: units per minute. Integer > 0. */
  readonly perMinute: number;
  /** Most the provider's bucket holds. Assumed until taught. Unit: units. Integer > 0. */
  readonly depthUnits: number;
  readonly isDepthKnown: boolean;
  readonly bucket: BucketState;
  /** What the provider charges for each unit we estimate. Unit: per mille. */
  readonly chargePerMille: number;
  /** Sum of all corrections so far, so that none is made twice. Unit: units. */
  readonly correctedUnits: number;
  /** How the limit was guessed; `null` when it was stated. */
  readonly guess: LimitGuess | null;
}

/** Where a guess comes from, and how it has fared. Instants in ms since the epoch. */
export interface LimitGuess {
  /** The rate at which a call was last refused. Unit: units per minute. Integer > 0. */
  readonly refusedPerMinute: number;
  readonly refusedAtMs: number;
  readonly setAtMs: number;
}

/** Capacity a worker has bought and spends evenly between two instants. */
export interface SpendingPlan {
  /** Unit: ms since the epoch. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** As estimated. Unit: units of each dimension that is limited. */
  readonly units: Partial<Record<Dimension, number>>;
}

export interface CapacityState {
  readonly limits: Partial<Record<Dimension, LimitState>>;
  /** Caution after refusals nobody explained: share of each rate in use. Unit: per mille. */
  readonly ratePerMille: number;
  /** Share of the rate below which no refusal is expected. Unit: per mille. */
  readonly ceilingPerMille: number;
  /** When the rate was last cut or raised. Unit: ms since the epoch. */
  readonly rateSetAtMs: number;
  readonly cutAtMs: number;
  /** No call before this instant. Unit: ms since the epoch. */
  readonly pausedUntilMs: number;
  /** Most times the sustained rate at which a full bucket is emptied. Unit: per mille. */
  readonly surgePerMille: number;
  readonly surgeSetAtMs: number;
  /** From the configuration; `null` when it says nothing. */
  readonly declaredConcurrency: number | null;
  /** Declared or learnt; `null` while unlimited. */
  readonly concurrency: number | null;
  readonly concurrencySetAtMs: number;
  /** Owners that bought capacity lately, and when. Unit: ms since the epoch. */
  readonly workers: Readonly<Record<string, number>>;
  /** What each of them bought last. */
  readonly plans: Readonly<Record<string, SpendingPlan>>;
}

/**
 * Depth assumed until the provider shows its own: one second of the rate. A provider that says it
 * allows 60,000 a minute may enforce 1,000 a second.
 */
const ASSUMED_DEPTH_SECONDS = 1;

/**
 * Clocks of workers differ by seconds. A larger difference is a clock that was set back, and no
 * reason to wait until it has caught up. Unit: ms.
 */
const LARGEST_SKEW_MS = 60_000;

export const FULL_RATE_PER_MILLE = 1_000;
export const INITIAL_SURGE_PER_MILLE = 2_000;

export function assumedDepthUnits(perMinute: number): number {
  return Math.max(1, Math.ceil((perMinute * ASSUMED_DEPTH_SECONDS) / 60));
}

/** A limit first heard of at `nowMs`, its bucket full to the assumed depth. */
export function createLimit(perMinute: number, isDeclared: boolean, nowMs: number): LimitState {
  const depthUnits = assumedDepthUnits(perMinute);
  return {
    declaredPerMinute: isDeclared ? perMinute : null,
    perMinute,
    depthUnits,
    isDepthKnown: false,
    bucket: { grains: depthUnits * GRAINS_PER_UNIT, creditedAtMs: Math.floor(nowMs) },
    chargePerMille: 1_000,
    correctedUnits: 0,
    guess: null,
  };
}

/**
 * The state to go on from: a fresh one when there is none, and with declared limits replaced
 * where the configuration has changed since. What the provider taught under the old declaration
 * is forgotten then, since it may have been the reason for the change.
 */
export function openState(
  stored: CapacityState | null,
  declared: ModelLimits,
  nowMs: number,
): CapacityState {
  const base: CapacityState = stored ?? {
    limits: {},
    ratePerMille: FULL_RATE_PER_MILLE,
    ceilingPerMille: FULL_RATE_PER_MILLE,
    rateSetAtMs: nowMs,
    cutAtMs: 0,
    pausedUntilMs: 0,
    surgePerMille: INITIAL_SURGE_PER_MILLE,
    surgeSetAtMs: nowMs,
    declaredConcurrency: declared.concurrency ?? null,
    concurrency: declared.concurrency ?? null,
    concurrencySetAtMs: nowMs,
    workers: {},
    plans: {},
  };
  const limits: Partial<Record<Dimension, LimitState>> = {};
  for (const dimension of DIMENSIONS) {
    const limit = base.limits[dimension];
    const wanted = declared.perMinute[dimension];
    const isStale = limit !== undefined && limit.declaredPerMinute !== (wanted ?? null);
    const kept = isStale ? undefined : limit;
    if (kept !== undefined) {
      limits[dimension] = refillLimit(kept, base.ratePerMille, nowMs);
    } else if (wanted !== undefined) {
      limits[dimension] = createLimit(wanted, true, nowMs);
    }
  }
  const declaredConcurrency = declared.concurrency ?? null;
  const isSameConcurrency = base.declaredConcurrency === declaredConcurrency;
  const concurrency = isSameConcurrency ? base.concurrency : declaredConcurrency;
  // A state stored by an earlier version has no plans.
  const plans = base.plans ?? {};
  return { ...base, limits, declaredConcurrency, concurrency, plans };
}

/** Units per minute in use, after caution. Integer >= 1. */
export function effectivePerMinute(limit: LimitState, ratePerMille: number): number {
  return Math.max(1, Math.floor((limit.perMinute * ratePerMille) / 1_000));
}

function refillLimit(limit: LimitState, ratePerMille: number, nowMs: number): LimitState {
  const perMinute = effectivePerMinute(limit, ratePerMille);
  const isFromFuture = limit.bucket.creditedAtMs > nowMs + LARGEST_SKEW_MS;
  const bucket = isFromFuture ? { ...limit.bucket, creditedAtMs: Math.floor(nowMs) } : limit.bucket;
  return {
    ...limit,
    correctedUnits: limit.correctedUnits ?? 0,
    bucket: refill(bucket, perMinute, limit.depthUnits, nowMs),
  };
}
