/**
 * A provider's rate limits: continuous token buckets per model, and a concurrency cap.
 *
 * Pure: time comes in as an argument and the next levels go out as a value, so the same rules
 * serve the HTTP simulator and virtual-time tests. Levels are kept in grains, integers such that
 * a limit of n units a window refills exactly n grains a millisecond; nothing is lost to rounding.
 */

import { type Bucket, capacityGrains, steps, untilCredited } from './bucket.ts';

/** What a bucket counts. A request passes all configured buckets at once, or none. */
export const DIMENSIONS = [
  'requests',
  'requestsPerDay',
  'inputTokens',
  'outputTokens',
  'totalTokens',
] as const;

export type Dimension = (typeof DIMENSIONS)[number];

/** Why a request was refused: an empty bucket, or too many requests in flight. */
export type RefusalReason = Dimension | 'concurrency';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** When to come back after a concurrency refusal; no provider states one. Assumed. Unit: ms. */
const CONCURRENCY_RETRY_AFTER_MS = 250;

/** The limits of one model as an operator states them; an absent or null limit does not exist. */
export interface LimitSettings {
  readonly requestsPerMinute?: number | null | undefined;
  readonly requestsPerDay?: number | null | undefined;
  readonly inputTokensPerMinute?: number | null | undefined;
  readonly outputTokensPerMinute?: number | null | undefined;
  readonly tokensPerMinute?: number | null | undefined;
  readonly concurrency?: number | null | undefined;
  /** How many seconds of refill a per-minute bucket holds. @default 60 */
  readonly depthSeconds?: number | null | undefined;
  /** Refill arrives in steps of this length instead of continuously. Unit: ms. @default 1 */
  readonly quantumMs?: number | null | undefined;
  /** Whether a refusal itself spends one request. @default false */
  readonly refusalCostsRequest?: boolean | null | undefined;
}

/** Limits compiled once, so that admission is arithmetic only. */
export interface ModelLimits {
  readonly buckets: { readonly [D in Dimension]?: Bucket };
  readonly concurrency: number;
  readonly refusalCostsRequest: boolean;
}

export type PerDimension = { readonly [D in Dimension]: number };

/** How full the buckets of one model were at `creditedAtMs`, and how many requests hold a slot. */
export interface Levels {
  /** May be negative: debt, left by usage charged after the work. Unit: grains. */
  readonly grains: PerDimension;
  readonly creditedAtMs: number;
  readonly inFlight: number;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly levels: Levels }
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      /** The same request would pass after exactly this long, if nothing else came. */
      readonly retryAfterMs: number;
      readonly levels: Levels;
    }
  /** The charge exceeds the bucket: waiting can never help. */
  | {
      readonly kind: 'too_large';
      readonly reason: Dimension;
      readonly requested: number;
      readonly ceiling: number;
      readonly levels: Levels;
    };

export interface BucketView {
  readonly limit: number;
  /** Whole units left; never negative, never above the capacity. */
  readonly remaining: number;
  /** Time until the bucket is full, cut to whole milliseconds. */
  readonly resetMs: number;
}

const NOTHING: PerDimension = {
  requests: 0,
  requestsPerDay: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
};

/** Turns stated limits into buckets. A per-day bucket is always a whole day deep, as recorded. */
export function compileLimits(settings: LimitSettings): ModelLimits {
  const depthSeconds = settings.depthSeconds ?? 60;
  const quantumMs = settings.quantumMs ?? 1;
  const perMinute = (limit: number): Bucket => ({
    limit,
    windowMs: MINUTE_MS,
    capacity: Math.max(1, Math.floor((limit * depthSeconds) / 60)),
    quantumMs,
  });
  const { requestsPerMinute, requestsPerDay } = settings;
  const { inputTokensPerMinute, outputTokensPerMinute, tokensPerMinute } = settings;
  return {
    buckets: {
      ...(requestsPerMinute != null && { requests: perMinute(requestsPerMinute) }),
      ...(requestsPerDay != null && {
        requestsPerDay: {
          limit: requestsPerDay,
          windowMs: DAY_MS,
          capacity: requestsPerDay,
          quantumMs,
        },
      }),
      ...(inputTokensPerMinute != null && { inputTokens: perMinute(inputTokensPerMinute) }),
      ...(outputTokensPerMinute != null && { outputTokens: perMinute(outputTokensPerMinute) }),
      ...(tokensPerMinute != null && { totalTokens: perMinute(tokensPerMinute) }),
    },
    concurrency: settings.concurrency ?? Number.POSITIVE_INFINITY,
    refusalCostsRequest: settings.refusalCostsRequest ?? false,
  };
}

/** Every bucket full, nothing in flight. */
export function fullLevels(limits: ModelLimits, nowMs: number): Levels {
  return { grains: mapGrains(limits, NOTHING, capacityGrains), creditedAtMs: nowMs, inFlight: 0 };
}

/** Levels under changed limits: what was left stays, cut to the new capacity; new buckets start full. */
export function carryLevels(
  before: ModelLimits,
  after: ModelLimits,
  levels: Levels,
  nowMs: number,
): Levels {
  const current = credit(before, levels, nowMs);
  const grains = mapGrains(after, current.grains, (bucket, held, dimension) => {
    const old = before.buckets[dimension];
    if (old === undefined) return capacityGrains(bucket);
    const units = Math.floor(held / old.windowMs);
    return Math.min(capacityGrains(bucket), units * bucket.windowMs);
  });
  return { ...current, grains };
}

/**
 * Takes `charge` from every bucket and one concurrency slot, all or nothing. A charge of 0 on a
 * configured bucket still needs one whole unit there: a bucket in debt admits nobody. A refusal
 * leaves the levels as they were, except for the one request it may cost.
 */
export function admit(
  limits: ModelLimits,
  levels: Levels,
  charge: PerDimension,
  nowMs: number,
): Admission {
  const current = credit(limits, levels, nowMs);
  let reason: RefusalReason | undefined;
  let retryAfterMs = 0;
  if (current.inFlight >= limits.concurrency) {
    reason = 'concurrency';
    retryAfterMs = CONCURRENCY_RETRY_AFTER_MS;
  }
  for (const dimension of DIMENSIONS) {
    const bucket = limits.buckets[dimension];
    if (bucket === undefined) continue;
    const needed = Math.max(1, charge[dimension]);
    if (needed > bucket.capacity) {
      const ceiling = Math.min(bucket.limit, bucket.capacity);
      const after = chargeRefusal(limits, current);
      return { kind: 'too_large', reason: dimension, requested: needed, ceiling, levels: after };
    }
    const missing = needed * bucket.windowMs - current.grains[dimension];
    if (missing <= 0) continue;
    const waitMs = untilCredited(bucket, Math.ceil(missing / bucket.limit), current.creditedAtMs);
    if (waitMs <= retryAfterMs) continue;
    reason = dimension;
    retryAfterMs = waitMs;
  }
  if (reason !== undefined) {
    return { kind: 'refused', reason, retryAfterMs, levels: chargeRefusal(limits, current) };
  }
  const spent = spendGrains(limits, current.grains, charge);
  return {
    kind: 'admitted',
    levels: {
      grains: spent,
      creditedAtMs: current.creditedAtMs,
      inFlight: current.inFlight + 1,
    },
  };
}

/** Gives back the concurrency slot of one admitted request. */
export function release(levels: Levels): Levels {
  return { ...levels, inFlight: Math.max(0, levels.inFlight - 1) };
}

/** Spends units after the fact (or gives back, if negative); may leave debt, never above capacity. */
export function spend(
  limits: ModelLimits,
  levels: Levels,
  units: PerDimension,
  nowMs: number,
): Levels {
  const current = credit(limits, levels, nowMs);
  return { ...current, grains: spendGrains(limits, current.grains, units) };
}

/** What the rate headers say of one bucket; undefined when the model has no such limit. */
export function viewBucket(
  limits: ModelLimits,
  levels: Levels,
  dimension: Dimension,
  nowMs: number,
): BucketView | undefined {
  const bucket = limits.buckets[dimension];
  if (bucket === undefined) return undefined;
  const current = credit(limits, levels, nowMs);
  const held = current.grains[dimension];
  const missing = capacityGrains(bucket) - held;
  return {
    limit: bucket.limit,
    remaining: Math.max(0, Math.floor(held / bucket.windowMs)),
    resetMs: untilCredited(bucket, Math.floor(missing / bucket.limit), current.creditedAtMs),
  };
}

/** A clock that runs backwards credits nothing and never moves the instant back. */
function credit(limits: ModelLimits, levels: Levels, nowMs: number): Levels {
  if (nowMs <= levels.creditedAtMs) return levels;
  const grains = mapGrains(limits, levels.grains, (bucket, held) => {
    const dueMs = steps(bucket, nowMs) - steps(bucket, levels.creditedAtMs);
    return Math.min(capacityGrains(bucket), held + dueMs * bucket.limit);
  });
  return { grains, creditedAtMs: nowMs, inFlight: levels.inFlight };
}

function chargeRefusal(limits: ModelLimits, levels: Levels): Levels {
  const bucket = limits.buckets.requests;
  if (!limits.refusalCostsRequest || bucket === undefined) return levels;
  if (levels.grains.requests < bucket.windowMs) return levels;
  const grains = { ...levels.grains, requests: levels.grains.requests - bucket.windowMs };
  return { ...levels, grains };
}

function spendGrains(limits: ModelLimits, grains: PerDimension, units: PerDimension): PerDimension {
  return mapGrains(limits, grains, (bucket, held, dimension) =>
    Math.min(capacityGrains(bucket), held - units[dimension] * bucket.windowMs),
  );
}

function mapGrains(
  limits: ModelLimits,
  grains: PerDimension,
  next: (bucket: Bucket, held: number, dimension: Dimension) => number,
): PerDimension {
  const { buckets } = limits;
  const one = (dimension: Dimension): number => {
    const bucket = buckets[dimension];
    return bucket === undefined ? 0 : next(bucket, grains[dimension], dimension);
  };
  return {
    requests: one('requests'),
    requestsPerDay: one('requestsPerDay'),
    inputTokens: one('inputTokens'),
    outputTokens: one('outputTokens'),
    totalTokens: one('totalTokens'),
  };
}
