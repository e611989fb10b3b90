import type { Random } from '../../shared/ports/random.ts';

/** Randomness that repeats: the same seed gives the same numbers and identifiers. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  // mulberry32: 32 bits of state are enough to tell test runs apart.
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    id: (prefix) =>
      prefix + Array.from({ length: 24 }, () => Math.floor(next() * 32).toString(32)).join(''),
  };
}
