import type { Random } from '../../../ports/random.ts';

const PROCESS_LETTERS = 10;
const RADIX = 36;

/**
 * Names writes, each once in the world: a write that is refused because it had taken effect before
 * its answer was lost finds its own name in the item.
 */
export class OpIds {
  readonly #process: string;
  #count = 0;

  constructor(random: Random) {
    this.#process = random.id('').slice(0, PROCESS_LETTERS);
  }

  next(): string {
    this.#count += 1;
    return `${this.#process}${this.#count.toString(RADIX)}`;
  }
}
