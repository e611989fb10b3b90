/** Cuts a stream of bytes into lines, whatever the pieces it comes in. */

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Longest line taken. Unit: bytes. */
export const MOST_LINE_BYTES = 32 * 1_024 * 1_024;

export interface InputLine {
  /** From 1, blank lines counted, as editors count. */
  readonly number: number;
  /** Unit: bytes from the start of the file. */
  readonly offset: number;
  /** Without line break and byte order mark; `null` when longer than allowed. */
  readonly bytes: Buffer | null;
  /** Unit: bytes. */
  readonly length: number;
}

/** Where a line begins. */
export type LinePlace = Pick<InputLine, 'number' | 'offset'>;

export class LineSplitter {
  readonly #mostBytes: number;
  /** Pieces of the line that has begun, and nothing of one that is too long. */
  #pieces: Buffer[] = [];
  #length = 0;
  #number: number;
  #offset: number;

  /** Begins in the middle where `from` says so: at the start of that line. */
  constructor(mostBytes: number = MOST_LINE_BYTES, from: LinePlace = { number: 1, offset: 0 }) {
    this.#mostBytes = mostBytes;
    this.#number = from.number;
    this.#offset = from.offset;
  }

  /**
   * The lines that end in this piece; blank ones are left out. They may be views of `piece`, which
   * itself is not kept: it may be filled anew once they have been dealt with.
   */
  push(piece: Buffer): InputLine[] {
    const lines: InputLine[] = [];
    let start = 0;
    for (;;) {
      const end = piece.indexOf(LINE_FEED, start);
      if (end === -1) break;
      this.#gather(piece.subarray(start, end));
      this.#finish(lines);
      this.#offset += this.#length + 1;
      this.#length = 0;
      this.#number += 1;
      start = end + 1;
    }
    this.#gather(Buffer.from(piece.subarray(start)));
    return lines;
  }

  /** Where the line after those given out begins. */
  get place(): LinePlace {
    return { number: this.#number, offset: this.#offset };
  }

  /** The last line, when no line break ended it. */
  end(): InputLine[] {
    const lines: InputLine[] = [];
    this.#finish(lines);
    return lines;
  }

  #gather(part: Buffer): void {
    this.#length += part.length;
    // One for the carriage return that may still be taken off, three for a byte order mark.
    if (this.#length > this.#mostBytes + 4) this.#pieces = [];
    else if (part.length > 0) this.#pieces.push(part);
  }

  #finish(lines: InputLine[]): void {
    if (this.#length > this.#mostBytes + 4) {
      lines.push({ number: this.#number, offset: this.#offset, bytes: null, length: this.#length });
      return;
    }
    const [first] = this.#pieces;
    const whole = this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    const { start, end } = contentOf(whole, this.#number === 1);
    if (isBlank(whole, start, end)) return;
    const length = end - start;
    lines.push({
      number: this.#number,
      offset: this.#offset + start,
      bytes: length > this.#mostBytes ? null : whole.subarray(start, end),
      length,
    });
  }
}

function contentOf(line: Buffer, isFirst: boolean): { start: number; end: number } {
  const hasMark = isFirst && line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const start = hasMark ? BYTE_ORDER_MARK.length : 0;
  const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
  return { start, end: Math.max(start, end) };
}

function isBlank(line: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) {
    const byte = line[index];
    if (byte !== 0x20 && byte !== 0x09 && byte !== CARRIAGE_RETURN) return false;
  }
  return true;
}
