/**
 * How long something takes that ends when it pleases: native batches, and their cancellation.
 * Learnt as a histogram on a logarithmic scale, in which what was seen long ago fades. Jobs that
 * were cut short teach too: they took at least so long (product-limit estimate, Kaplan and Meier).
 */

/** What was seen, as plain data. A bucket spans a quarter more than the one before it. */
export interface DurationHistogram {
  /** Weight of what ended within each bucket. */
  readonly ended: readonly number[];
  /** Weight of what was cut short, or given up, within each bucket. */
  readonly cut: readonly number[];
  /** Instant for which the weights hold. Unit: ms since the epoch. */
  readonly asOfMs: number;
}

/** What is known of one model's batches at one provider. */
export interface TurnaroundRecord {
  /** From submission to the end of a job. */
  readonly jobs: DurationHistogram;
  /** From the wish to cancel to the end. */
  readonly cancels: DurationHistogram;
}

/** One thing seen. */
export interface ObservedDuration {
  /** Unit: ms. */
  readonly durationMs: number;
  /** False where it was cut short then: cancelled by us, or expired. */
  readonly hasEnded: boolean;
}

/** What to believe before anything was seen, and how many observations outweigh it. */
export interface DurationPrior {
  /** Lognormal. Unit: ms. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Share that does not end at all. */
  readonly neverShare: number;
  /** Observations that it is worth. */
  readonly weight: number;
}

/** Assumed of native batches: an hour as often as not, now and then most of a day. */
export const JOB_PRIOR: DurationPrior = {
  p50Ms: 3_600_000,
  p95Ms: 36_000_000,
  neverShare: 0.05,
  weight: 4,
};

/** Providers promise to have cancelled within ten minutes; most need seconds. */
export const CANCEL_PRIOR: DurationPrior = {
  p50Ms: 30_000,
  p95Ms: 240_000,
  neverShare: 0,
  weight: 4,
};

const FIRST_MS = 1_000;
const GROWTH = 1.25;
/** Reaches past two days. */
const BUCKETS = 56;
/** After so long an observation counts half. Unit: ms. */
const HALF_LIFE_MS = 3 * 86_400_000;
/** Lighter ones have faded. */
const LEAST_WEIGHT = 0.001;
const DIGITS = 10_000;

export function emptyHistogram(nowMs: number): DurationHistogram {
  return { ended: [], cut: [], asOfMs: nowMs };
}

/** The histogram after one more observation. A clock that runs behind fades nothing. */
export function observe(
  histogram: DurationHistogram,
  { durationMs, hasEnded }: ObservedDuration,
  nowMs: number,
): DurationHistogram {
  const faded = Math.max(0, nowMs - histogram.asOfMs);
  const factor = 0.5 ** (faded / HALF_LIFE_MS);
  const bucket = bucketOf(durationMs);
  return {
    ended: added(histogram.ended, factor, hasEnded ? bucket : null),
    cut: added(histogram.cut, factor, hasEnded ? null : bucket),
    asOfMs: histogram.asOfMs + faded,
  };
}

/** What to expect. */
export interface Turnaround {
  /** Share that has ended within so long. Unit of the argument: ms. */
  shareWithin(ms: number): number;
  /** The same for one that has not ended after `elapsedMs`: within `ms` more. */
  shareWithinMore(elapsedMs: number, ms: number): number;
  /** Within how long this share ends; `null` when so many never do. Unit: ms. */
  quantileMs(share: number): number | null;
  /** Weight of what was seen, the prior apart. Unit: observations. */
  readonly seen: number;
}

/** Puts what was seen and what was believed before together. */
export function turnaroundFrom(
  histogram: DurationHistogram | null,
  prior: DurationPrior,
): Turnaround {
  const edges = survivalAtEdges(histogram, prior);
  const seen = histogram === null ? 0 : sum(histogram.ended) + sum(histogram.cut);

  function survival(ms: number): number {
    if (ms <= 0) return 1;
    const position = Math.log(ms / FIRST_MS) / Math.log(GROWTH) + 1;
    // Below the first edge time is short enough to count evenly.
    if (position <= 0 || ms < FIRST_MS) return 1 - (1 - edgeAt(1)) * (ms / FIRST_MS);
    const low = Math.min(BUCKETS, Math.floor(position));
    const high = Math.min(BUCKETS, low + 1);
    return edgeAt(low) + (edgeAt(high) - edgeAt(low)) * Math.min(1, position - low);
  }

  function edgeAt(index: number): number {
    return edges[index] ?? 0;
  }

  function quantileMs(share: number): number | null {
    const wanted = 1 - share;
    for (let index = 1; index <= BUCKETS; index += 1) {
      const after = edgeAt(index);
      if (after > wanted) continue;
      const before = edgeAt(index - 1);
      const part = before === after ? 1 : (before - wanted) / (before - after);
      if (index === 1) return Math.round(FIRST_MS * part);
      return Math.round(FIRST_MS * GROWTH ** (index - 2 + part));
    }
    return null;
  }

  return {
    shareWithin: (ms) => 1 - survival(ms),
    shareWithinMore(elapsedMs, ms) {
      const still = survival(elapsedMs);
      return still <= 0 ? 1 : 1 - survival(elapsedMs + Math.max(0, ms)) / still;
    },
    quantileMs,
    seen,
  };
}

/** Share not ended yet at the edge before each bucket, and after the last. */
function survivalAtEdges(
  histogram: DurationHistogram | null,
  { p50Ms, p95Ms, neverShare, weight }: DurationPrior,
): number[] {
  const sigma = Math.log(p95Ms / p50Ms) / 1.6449;
  const believed = (ms: number): number =>
    (1 - neverShare) * normalShare(Math.log(ms / p50Ms) / sigma);
  const ended: number[] = [];
  const cut: number[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const before = bucket === 0 ? 0 : believed(FIRST_MS * GROWTH ** (bucket - 1));
    const prior = weight * (believed(FIRST_MS * GROWTH ** bucket) - before);
    ended.push(prior + (histogram?.ended[bucket] ?? 0));
    cut.push(histogram?.cut[bucket] ?? 0);
  }
  // What the prior says never ends is cut past the last bucket.
  let atRisk = sum(ended) + sum(cut) + weight * (1 - believed(FIRST_MS * GROWTH ** (BUCKETS - 1)));
  const edges = [1];
  let survival = 1;
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    // What was cut in this bucket was at risk for half of it.
    const exposed = atRisk - (cut[bucket] ?? 0) / 2;
    if (exposed > 0) survival *= Math.max(0, 1 - (ended[bucket] ?? 0) / exposed);
    edges.push(survival);
    atRisk -= (ended[bucket] ?? 0) + (cut[bucket] ?? 0);
  }
  return edges;
}

/** Bucket 0 holds all up to `FIRST_MS`. */
function bucketOf(durationMs: number): number {
  if (durationMs <= FIRST_MS) return 0;
  const bucket = Math.ceil(Math.log(durationMs / FIRST_MS) / Math.log(GROWTH));
  return Math.min(BUCKETS - 1, bucket);
}

/** Faded weights, one of them grown by one; trailing zeros are left out. */
function added(weights: readonly number[], factor: number, bucket: number | null): number[] {
  const length = Math.max(weights.length, bucket === null ? 0 : bucket + 1);
  const next = Array.from({ length }, (_, index) => {
    const weight = (weights[index] ?? 0) * factor + (index === bucket ? 1 : 0);
    return weight < LEAST_WEIGHT ? 0 : Math.round(weight * DIGITS) / DIGITS;
  });
  while (next.length > 0 && next.at(-1) === 0) next.pop();
  return next;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Distribution function of the standard normal; off by less than 8e-8 (Abramowitz, Stegun 26.2.17). */
function normalShare(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const poly =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return z >= 0 ? 1 - tail : tail;
}
