import { open } from 'node:fs/promises';
import { MAX_BODY_BYTES } from '../../shared/contracts/limits.ts';
import { LineSplitter } from '../../shared/domain/json/line-splitter.ts';

/** Few enough that a gateway with half a minute of patience sees the end. */
const MOST_LINES = 5_000;
/** Half of what a server takes at once, so that little memory is used. A longer line goes alone. */
const MOST_BYTES = MAX_BODY_BYTES / 2;
const READ_BYTES = 1_048_576;
const LINE_FEED = Buffer.from('\n');

/** Lines of a file that are submitted together. */
export interface FilePart {
  /** From 0. The same file is always cut into the same parts. */
  readonly index: number;
  /** The lines, with line breaks between them. */
  readonly bytes: Buffer<ArrayBuffer>;
  /** Number of each line in the file, from 1. */
  readonly lines: readonly number[];
}

/** Cuts a file into parts, leaving out lines by their number. Holds one part in memory. */
export async function* fileParts(
  path: string,
  leftOut: ReadonlySet<number>,
): AsyncGenerator<FilePart> {
  const gathering = new Gathering();
  const splitter = new LineSplitter();
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let position = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position);
      position += bytesRead;
      const ended = bytesRead === 0;
      const found = ended ? splitter.end() : splitter.push(buffer.subarray(0, bytesRead));
      for (const { number, bytes } of found) {
        if (bytes === null || leftOut.has(number)) continue;
        if (!gathering.hasRoomFor(bytes.length)) yield gathering.take();
        gathering.add(number, bytes);
      }
      if (ended) break;
    }
  } finally {
    await file.close();
  }
  if (!gathering.isEmpty) yield gathering.take();
}

class Gathering {
  #index = 0;
  #lines: number[] = [];
  #pieces: Buffer[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  hasRoomFor(bytes: number): boolean {
    if (this.isEmpty) return true;
    return this.#lines.length < MOST_LINES && this.#bytes + 1 + bytes <= MOST_BYTES;
  }

  /** Copies the line: it may be a view of a buffer that is filled anew. */
  add(number: number, line: Buffer): void {
    if (!this.isEmpty) this.#pieces.push(LINE_FEED);
    this.#bytes += line.length + (this.isEmpty ? 0 : 1);
    this.#lines.push(number);
    this.#pieces.push(Buffer.from(line));
  }

  take(): FilePart {
    const bytes = Buffer.concat(this.#pieces, this.#bytes);
    const part = { index: this.#index, bytes, lines: this.#lines };
    this.#index += 1;
    this.#lines = [];
    this.#pieces = [];
    this.#bytes = 0;
    return part;
  }
}
