/**
 * Learning: how what workers observe changes what all workers believe.
 *
 * Three teachers, in order of trust: the provider's headers (limit, level, depth), the usage that
 * comes back, and, where neither says why, the bare refusal.
 */

import {
  assumedDepthUnits,
  type CapacityState,
  createLimit,
  FULL_RATE_PER_MILLE,
  INITIAL_SURGE_PER_MILLE,
  type LimitState,
} from './capacity-state.ts';
import { lowerGuess, raiseGuess } from './limit-guess.ts';
import { DIMENSIONS, type Dimension } from './provider-outcome.ts';
import { adjust, GRAINS_PER_UNIT } from './token-bucket.ts';
import { workerCount } from './worker-shares.ts';

/** What one worker learnt of one limit since it last told. */
export interface LimitLesson {
  /** The limit as the headers state it. Unit: units per minute. */
  readonly perMinute?: number;
  /** Most the bucket was seen to hold. Unit: units. */
  readonly depthUnits?: number;
  /** How far the provider's level is from ours; negative when it has less. Unit: units. */
  readonly correctionUnits: number;
  /** Reserved too much (positive) or too little, as usage showed. Unit: units. */
  readonly settledUnits: number;
  /** Provider's charge for each unit estimated. Unit: per mille. */
  readonly chargePerMille?: number;
}

export interface Refusal {
  readonly sentAtMs: number;
  readonly throttledBy: Dimension | 'concurrency' | null;
  readonly retryAfterMs: number | null;
  /** The refusal carried levels, so that the correction tells the whole story. */
  readonly isExplained: boolean;
  /** Calls this worker had in flight. */
  readonly inFlight: number;
  /** What this worker was admitted lately. Unit: units per minute. */
  readonly admittedPerMinute: Readonly<Record<Dimension, number>>;
}

export interface Lessons {
  readonly limits: Partial<Record<Dimension, LimitLesson>>;
  readonly refusals: readonly Refusal[];
}

export const NO_LESSONS: Lessons = { limits: {}, refusals: [] };

const SURGE_STEP_MS = 250;
const LARGEST_SURGE_PER_MILLE = 64_000;
/** A refusal cuts the rate to this share of itself. Unit: per mille. */
const CUT_PER_MILLE = 930;
const LOWEST_RATE_PER_MILLE = 50;
/** Speed of recovery below and above the last known good rate. Unit: per mille a second. */
const RECOVERY_PER_SECOND = 40;
const PROBING_PER_SECOND = 3;
/** The good rate is put this far below the one that was refused. Unit: per mille. */
const CEILING_PER_MILLE = 975;
/** Refusals of calls sent before a cut took effect are its echo, not news. */
const CONCURRENCY_CUT_PER_MILLE = 900;
const CONCURRENCY_STEP_MS = 1_000;
/** Hold after a refusal that does not say how long. Unit: ms. */
const UNTOLD_PAUSE_MS = 250;
/** Longest hold a provider can impose on us in one word. Unit: ms. */
const LONGEST_PAUSE_MS = 3_600_000;

/** Applies one worker's lessons. Expects a state refilled to `nowMs`. */
export function learn(state: CapacityState, lessons: Lessons, nowMs: number): CapacityState {
  const limits: Partial<Record<Dimension, LimitState>> = {};
  for (const dimension of DIMENSIONS) {
    const limit = state.limits[dimension];
    const lesson = lessons.limits[dimension];
    if (lesson === undefined) {
      if (limit !== undefined) limits[dimension] = limit;
    } else {
      const base =
        limit ??
        (lesson.perMinute === undefined ? null : createLimit(lesson.perMinute, false, nowMs));
      if (base !== null) limits[dimension] = learnLimit(base, lesson, workerCount(state));
    }
  }
  const taught = { ...state, limits };
  const refused = lessons.refusals.reduce((next, refusal) => refuse(next, refusal, nowMs), taught);
  return lessons.refusals.length > 0 ? refused : recover(refused, nowMs);
}

function learnLimit(limit: LimitState, lesson: LimitLesson, workers: number): LimitState {
  // A declaration above what the provider grants is corrected; one below it is the user's wish.
  const perMinute =
    lesson.perMinute === undefined
      ? limit.perMinute
      : Math.max(1, Math.floor(Math.min(lesson.perMinute, limit.declaredPerMinute ?? Infinity)));
  const depthUnits = Math.max(
    1,
    Math.floor(
      lesson.depthUnits ??
        (limit.isDepthKnown || perMinute === limit.perMinute
          ? limit.depthUnits
          : assumedDepthUnits(perMinute)),
    ),
  );
  // Each worker has a ratio of its own; together they agree on what lies between.
  const charge = lesson.chargePerMille ?? limit.chargePerMille;
  const moved = adjust(limit.bucket, lesson.correctionUnits + lesson.settledUnits);
  return {
    ...limit,
    perMinute,
    depthUnits,
    isDepthKnown: limit.isDepthKnown || lesson.depthUnits !== undefined,
    bucket: { ...moved, grains: Math.min(moved.grains, depthUnits * GRAINS_PER_UNIT) },
    chargePerMille: limit.chargePerMille + Math.round((charge - limit.chargePerMille) / workers),
    correctedUnits: limit.correctedUnits + lesson.correctionUnits,
    guess: lesson.perMinute === undefined ? limit.guess : null,
  };
}

function refuse(state: CapacityState, refusal: Refusal, nowMs: number): CapacityState {
  const pauseMs = Math.min(
    LONGEST_PAUSE_MS,
    refusal.retryAfterMs ?? (refusal.isExplained ? 0 : UNTOLD_PAUSE_MS),
  );
  const paused: CapacityState = {
    ...state,
    pausedUntilMs: Math.max(state.pausedUntilMs, Math.ceil(nowMs + pauseMs)),
    surgePerMille: INITIAL_SURGE_PER_MILLE,
    surgeSetAtMs: nowMs,
  };
  const isEcho = refusal.sentAtMs < state.cutAtMs;
  if (isEcho) return paused;
  if (refusal.throttledBy === 'concurrency') {
    const learnt = Math.max(1, Math.floor((refusal.inFlight * CONCURRENCY_CUT_PER_MILLE) / 1_000));
    return {
      ...paused,
      concurrency: Math.min(state.concurrency ?? learnt, learnt),
      concurrencySetAtMs: nowMs,
      cutAtMs: nowMs,
    };
  }
  if (refusal.isExplained) return { ...paused, cutAtMs: nowMs };
  const hidden = hiddenLimit(paused.limits, refusal.throttledBy);
  if (hidden !== null) {
    const admitted =
      refusal.admittedPerMinute[hidden] * Math.max(1, Object.keys(state.workers).length);
    const guessed = lowerGuess(paused.limits[hidden], admitted, nowMs);
    const limits = guessed === undefined ? paused.limits : { ...paused.limits, [hidden]: guessed };
    return { ...paused, limits: emptied(limits, hidden), cutAtMs: nowMs };
  }
  return {
    ...paused,
    limits: emptied(paused.limits, refusal.throttledBy),
    ratePerMille: Math.max(
      LOWEST_RATE_PER_MILLE,
      Math.floor((state.ratePerMille * CUT_PER_MILLE) / 1_000),
    ),
    ceilingPerMille: Math.floor((state.ratePerMille * CEILING_PER_MILLE) / 1_000),
    rateSetAtMs: nowMs,
    cutAtMs: nowMs,
  };
}

/** The limit behind a refusal, when nobody has stated it; `null` when caution with the stated ones will do. */
function hiddenLimit(
  limits: CapacityState['limits'],
  throttledBy: Dimension | null,
): Dimension | null {
  const isHidden = (dimension: Dimension): boolean => {
    const limit = limits[dimension];
    return limit === undefined || limit.guess !== null;
  };
  if (throttledBy !== null) return isHidden(throttledBy) ? throttledBy : null;
  return DIMENSIONS.every(isHidden) ? 'requests' : null;
}

/** A bucket that refused holds nothing; which one, the provider may not say. */
function emptied(
  limits: CapacityState['limits'],
  throttledBy: Dimension | null,
): CapacityState['limits'] {
  const next: Partial<Record<Dimension, LimitState>> = {};
  for (const dimension of DIMENSIONS) {
    const limit = limits[dimension];
    if (limit === undefined) continue;
    const isEmpty = throttledBy === null || throttledBy === dimension;
    next[dimension] = isEmpty
      ? { ...limit, bucket: { ...limit.bucket, grains: Math.min(0, limit.bucket.grains) } }
      : limit;
  }
  return next;
}

function recover(state: CapacityState, nowMs: number): CapacityState {
  return growConcurrency(growSurge(growRate(growGuesses(state, nowMs), nowMs), nowMs), nowMs);
}

function growGuesses(state: CapacityState, nowMs: number): CapacityState {
  const limits: Partial<Record<Dimension, LimitState>> = {};
  for (const dimension of DIMENSIONS) {
    const limit = state.limits[dimension];
    const raised = limit === undefined ? undefined : raiseGuess(limit, nowMs);
    if (raised !== undefined) limits[dimension] = raised;
  }
  return { ...state, limits };
}

function growRate(state: CapacityState, nowMs: number): CapacityState {
  if (state.ratePerMille >= FULL_RATE_PER_MILLE) return state;
  const perSecond =
    state.ratePerMille < state.ceilingPerMille ? RECOVERY_PER_SECOND : PROBING_PER_SECOND;
  const grown = Math.floor(((nowMs - state.rateSetAtMs) * perSecond) / 1_000);
  if (grown < 1) return state;
  return {
    ...state,
    ratePerMille: Math.min(FULL_RATE_PER_MILLE, state.ratePerMille + grown),
    rateSetAtMs: nowMs,
  };
}

/** The surplus speed doubles step by step, and only on depth the provider has shown. */
function growSurge(state: CapacityState, nowMs: number): CapacityState {
  const isConfirmed = Object.values(state.limits).some((limit) => limit.isDepthKnown);
  if (!isConfirmed || nowMs - state.surgeSetAtMs < SURGE_STEP_MS) return state;
  return {
    ...state,
    surgePerMille: Math.min(LARGEST_SURGE_PER_MILLE, state.surgePerMille * 2),
    surgeSetAtMs: nowMs,
  };
}

function growConcurrency(state: CapacityState, nowMs: number): CapacityState {
  if (state.concurrency === null || nowMs - state.concurrencySetAtMs < CONCURRENCY_STEP_MS) {
    return state;
  }
  const most = state.declaredConcurrency ?? Number.POSITIVE_INFINITY;
  const concurrency = Math.min(most, state.concurrency + 1);
  return { ...state, concurrency, concurrencySetAtMs: nowMs };
}
