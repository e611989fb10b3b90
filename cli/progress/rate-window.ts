interface Sample {
  readonly atMs: number;
  readonly count: number;
}

/** How far back the rate looks. Unit: ms. */
const WINDOW_MS = 15_000;

/** Remembers enough of the recent past of a counter to tell its rate. */
export class RateWindow {
  readonly #samples: Sample[] = [];

  /** Takes in what the counter says now. Unit: per second. */
  read(count: number, nowMs: number): number {
    this.#samples.push({ atMs: nowMs, count });
    while (this.#samples.length > 2 && nowMs - (this.#samples[1]?.atMs ?? nowMs) > WINDOW_MS) {
      this.#samples.shift();
    }
    const [oldest] = this.#samples;
    if (oldest === undefined || nowMs <= oldest.atMs) return 0;
    return ((count - oldest.count) / (nowMs - oldest.atMs)) * 1_000;
  }
}
