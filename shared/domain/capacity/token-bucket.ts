/**
 * Token bucket: how much of one provider limit is left.
 *
 * Pure: time comes in as an argument and the next state goes out as a value, so an adapter can
 * store it under a condition and tests need no sleep. What a bucket holds is called "units";
 * "token" always means an LLM token. Algorithm: RFC 3290, Appendix A.
 */

/**
 * Grains per unit. A limit of n units a minute refills exactly n grains a millisecond, so states
 * stay integers and whoever waits as told is never sent away again by rounding.
 */
export const GRAINS_PER_UNIT = 60_000;

export interface BucketState {
  /** May be negative: capacity sold ahead, or debt left by an underestimate. Unit: grains. */
  readonly grains: number;
  /** Instant up to which refill has been credited. Unit: ms since the epoch. */
  readonly creditedAtMs: number;
}

/**
 * Credits the refill due, up to `depthUnits`. A caller whose clock runs behind credits nothing
 * and never moves the instant back; otherwise workers with skewed clocks would mint the same
 * interval twice.
 */
export function refill(
  state: BucketState,
  perMinute: number,
  depthUnits: number,
  nowMs: number,
): BucketState {
  const elapsedMs = Math.max(0, Math.floor(nowMs) - state.creditedAtMs);
  return {
    grains: Math.min(depthUnits * GRAINS_PER_UNIT, state.grains + elapsedMs * perMinute),
    creditedAtMs: state.creditedAtMs + elapsedMs,
  };
}

/** Adds (or, negative, takes) units, whatever the level. */
export function adjust(state: BucketState, units: number): BucketState {
  return { ...state, grains: state.grains + Math.round(units * GRAINS_PER_UNIT) };
}

/** Level in units, rounded down. */
export function unitsIn(state: BucketState): number {
  return Math.floor(state.grains / GRAINS_PER_UNIT);
}
