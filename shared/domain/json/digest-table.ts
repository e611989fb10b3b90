/**
 * Numbers kept by digest, in some 25 bytes an entry: the first time a million names are seen it
 * must not cost a million strings. Of each digest 96 bits are compared, so that two of a thousand
 * million differ but look alike with a probability below one in 10^10.
 */

const WORDS_PER_ENTRY = 4;
const INITIAL_ENTRIES = 1_024;
const MOST_FILLED = 0.6;

export class DigestTable {
  /** Three words of digest, then the number plus one; zero marks a free place. */
  #words = new Uint32Array(INITIAL_ENTRIES * WORDS_PER_ENTRY);
  #size = 0;

  /**
   * The number known for the digest, else `null` after keeping this one.
   * The digest holds at least 12 bytes; the number is a whole number below 2^32 - 1.
   */
  putIfAbsent(digest: Buffer, number: number): number | null {
    const first = digest.readUInt32LE(0);
    const second = digest.readUInt32LE(4);
    const third = digest.readUInt32LE(8);
    const index = find(this.#words, first, second, third);
    const known = this.#words[index + 3] ?? 0;
    if (known !== 0) return known - 1;
    place(this.#words, index, first, second, third, number + 1);
    this.#size += 1;
    if (this.#size > (this.#words.length / WORDS_PER_ENTRY) * MOST_FILLED) this.#grow();
    return null;
  }

  /** The whole table, to go on from elsewhere. */
  toBytes(): Uint8Array {
    return new Uint8Array(this.#words.buffer.slice(0));
  }

  /** What `toBytes` gave. */
  static fromBytes(bytes: Uint8Array): DigestTable {
    const table = new DigestTable();
    table.#words = new Uint32Array(bytes.slice().buffer);
    for (let index = 3; index < table.#words.length; index += WORDS_PER_ENTRY) {
      if (table.#words[index] !== 0) table.#size += 1;
    }
    return table;
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2);
    for (let index = 0; index < this.#words.length; index += WORDS_PER_ENTRY) {
      const [first = 0, second = 0, third = 0, number = 0] = this.#words.subarray(
        index,
        index + WORDS_PER_ENTRY,
      );
      if (number !== 0)
        place(words, find(words, first, second, third), first, second, third, number);
    }
    this.#words = words;
  }
}

/** Index of the entry with this digest, or of the free place it belongs in. */
function find(words: Uint32Array, first: number, second: number, third: number): number {
  const entries = words.length / WORDS_PER_ENTRY;
  let index = (first & (entries - 1)) * WORDS_PER_ENTRY;
  for (;;) {
    if (words[index + 3] === 0) return index;
    if (words[index] === first && words[index + 1] === second && words[index + 2] === third) {
      return index;
    }
    index = (index + WORDS_PER_ENTRY) % words.length;
  }
}

function place(
  words: Uint32Array,
  index: number,
  first: number,
  second: number,
  third: number,
  number: number,
): void {
  words[index] = first;
  words[index + 1] = second;
  words[index + 2] = third;
  words[index + 3] = number;
}
