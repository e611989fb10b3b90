/** Width of a bucket relative to its value: percentiles are right to within half a percent. */
const GROWTH = 1.01;
const LOG_GROWTH = Math.log(GROWTH);

/** Percentiles of durations in bounded memory. */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  record(ms: number): void {
    const bucket = Math.round(Math.log(Math.max(1, ms)) / LOG_GROWTH);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#count += 1;
    this.#sumMs += ms;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  summary(): DurationSummary {
    const ordered = [...this.#counts].sort(([one], [other]) => one - other);
    const at = (share: number): number => {
      let seen = 0;
      for (const [bucket, count] of ordered) {
        seen += count;
        if (seen >= share * this.#count) return Math.min(this.#maxMs, GROWTH ** bucket);
      }
      return 0;
    };
    return {
      count: this.#count,
      mean: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      max: this.#maxMs,
    };
  }
}

/** Unit: ms. */
export interface DurationSummary {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}
