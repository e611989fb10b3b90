/** Draws of deadlines, batches and answers: the same for the same seed, whatever the order of asking. */

/** Lognormal durations. Unit: ms. */
export interface Spread {
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** At least 0 and below 1, for the nth draw of a stream. */
export function drawShare(seed: number, nth: number, stream: number): number {
  let mixed =
    Math.imul(seed + 1, 0x9e3779b1) ^
    Math.imul(nth + 1, 0x85ebca6b) ^
    Math.imul(stream, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
}

/** Uses this stream and the one after it. */
export function drawLognormal(
  seed: number,
  nth: number,
  stream: number,
  { p50Ms, p95Ms }: Spread,
): number {
  const normal =
    Math.sqrt(-2 * Math.log(1 - drawShare(seed, nth, stream))) *
    Math.cos(2 * Math.PI * drawShare(seed, nth, stream + 1));
  return Math.max(1, Math.round(p50Ms * Math.exp((normal * Math.log(p95Ms / p50Ms)) / 1.645)));
}
