const NEWLINE = 10;

/** The lines of a JSONL file where they lie, without a copy: 8 bytes a line. */
export class Lines {
  readonly length: number;
  readonly #content: Buffer;
  readonly #starts: readonly number[];
  /** 1-based numbers in the file; blank lines are counted but not kept. */
  readonly #numbers: readonly number[];

  constructor(content: Buffer) {
    this.#content = content;
    const starts: number[] = [];
    const numbers: number[] = [];
    let number = 0;
    for (let start = 0; start < content.length; ) {
      const newline = content.indexOf(NEWLINE, start);
      const end = newline === -1 ? content.length : newline;
      number += 1;
      if (!isBlank(content, start, end)) {
        starts.push(start);
        numbers.push(number);
      }
      start = end + 1;
    }
    this.#starts = starts;
    this.#numbers = numbers;
    this.length = starts.length;
  }

  at(index: number): string {
    const start = this.#starts[index] ?? this.#content.length;
    const newline = this.#content.indexOf(NEWLINE, start);
    return this.#content.toString('utf8', start, newline === -1 ? undefined : newline);
  }

  numberOf(index: number): number {
    return this.#numbers[index] ?? 0;
  }
}

function isBlank(content: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((content[at] ?? 0) > 32) return false;
  return true;
}
