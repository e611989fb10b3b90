/** Answer times in buckets that each span 4 %, so that a million of them cost no more than ten. */

const GROWTH = 1.04;
const BUCKETS = 600;

export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  add(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(1, ms)) / Math.log(GROWTH));
    const index = Math.min(BUCKETS - 1, bucket);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
  }

  /** The time that this share of answers stayed within; `null` when there are none. Unit: ms. */
  percentile(share: number): number | null {
    if (this.#total === 0) return null;
    const wanted = Math.ceil(this.#total * share);
    let seen = 0;
    for (let index = 0; index < BUCKETS; index += 1) {
      seen += this.#counts[index] ?? 0;
      if (seen >= wanted) return Math.round(GROWTH ** (index + 0.5));
    }
    return null;
  }
}
