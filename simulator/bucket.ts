/** One token bucket. Levels are in grains: a limit of n units a window refills n grains a millisecond. */
export interface Bucket {
  /** Units that refill in one window. Integer > 0. */
  readonly limit: number;
  readonly windowMs: number;
  /** Most units the bucket holds. Integer > 0. */
  readonly capacity: number;
  readonly quantumMs: number;
}

/** The level of a full bucket. */
export function capacityGrains(bucket: Bucket): number {
  return bucket.capacity * bucket.windowMs;
}

/** Refill time credited up to an instant: whole quanta only. */
export function steps(bucket: Bucket, atMs: number): number {
  return Math.floor(atMs / bucket.quantumMs) * bucket.quantumMs;
}

/** How long after `fromMs` the bucket has been credited `dueMs` worth of refill. */
export function untilCredited(bucket: Bucket, dueMs: number, fromMs: number): number {
  if (dueMs === 0) return 0;
  const target = steps(bucket, fromMs) + dueMs;
  return Math.ceil(target / bucket.quantumMs) * bucket.quantumMs - fromMs;
}
