interface Entry {
  readonly atMs: number;
  readonly act: (atMs: number) => void;
}

/**
 * What is due when. Nothing happens between looks: `settle` does everything that fell due since,
 * in the order of time, as if it had happened at its instant.
 */
export class Agenda {
  /** The latest first, so that the next is taken from the end. */
  readonly #entries: Entry[] = [];

  /** Entries of the same instant happen in the order in which they were added. An infinite instant never comes. */
  add(atMs: number, act: (atMs: number) => void): void {
    if (atMs === Number.POSITIVE_INFINITY) return;
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.atMs ?? 0) > atMs) low = middle + 1;
      else high = middle;
    }
    this.#entries.splice(low, 0, { atMs, act });
  }

  /** When the next entry is due, or undefined. */
  get nextAtMs(): number | undefined {
    return this.#entries.at(-1)?.atMs;
  }

  settle(nowMs: number): void {
    for (;;) {
      const next = this.#entries.at(-1);
      if (next === undefined || next.atMs > nowMs) return;
      this.#entries.pop();
      next.act(next.atMs);
    }
  }

  clear(): void {
    this.#entries.length = 0;
  }
}
