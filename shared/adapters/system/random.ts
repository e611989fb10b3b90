import { randomFillSync } from 'node:crypto';
import type { Random } from '../../ports/random.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
/** 24 letters of 5 bits each: 120 bits. */
const ID_LETTERS = 24;
const POOL_BYTES = 4_096;
const NUMBER_BYTES = 6;

const pool = Buffer.alloc(POOL_BYTES);
let position = POOL_BYTES;

/** The operating system's randomness, drawn some hundred values at a time. */
export const systemRandom: Random = {
  next() {
    const start = take(NUMBER_BYTES);
    return pool.readUIntBE(start, NUMBER_BYTES) / 2 ** (8 * NUMBER_BYTES);
  },

  id(prefix) {
    const start = take(ID_LETTERS);
    let id = prefix;
    for (let index = start; index < start + ID_LETTERS; index += 1) {
      // 256 is a multiple of 32, so each letter is equally likely.
      id += ALPHABET.charAt((pool[index] ?? 0) % ALPHABET.length);
    }
    return id;
  },
};

/** The start of `count` bytes never used before. */
function take(count: number): number {
  if (position + count > POOL_BYTES) {
    randomFillSync(pool);
    position = 0;
  }
  position += count;
  return position - count;
}
