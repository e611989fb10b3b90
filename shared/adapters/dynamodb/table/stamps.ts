import type { Clock } from '../../../ports/clock.ts';

/** Stamps in a millisecond. */
const STAMPS_PER_MS = 1_000;

/** Order of acceptance: grows with each stamp of a process, and with time among processes. */
export class Stamps {
  readonly #clock: Clock;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, this.#clock.nowMs() * STAMPS_PER_MS);
    return this.#last;
  }
}

/** Unit: ms since the epoch. */
export function instantOf(stamp: number): number {
  return Math.floor(stamp / STAMPS_PER_MS);
}
