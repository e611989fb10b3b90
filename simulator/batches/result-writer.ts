import { uniform } from '../random.ts';
import type { BatchSettings } from './options.ts';

/** Draws above this one belong to lines of a result file. */
const DUPLICATE_STREAM = 60_000;

/** Text is turned into bytes in pieces of about this length. */
const PIECE_CHARS = 1_048_576;

const BOM = '\uFEFF';

/** Writes a result file line by line, spoilt as the options ask for. */
export class ResultWriter {
  readonly #rows: BatchSettings['rows'];
  readonly #base: number;
  readonly #pieces: Buffer[] = [];
  readonly #duplicates: string[] = [];
  #text: string[] = [];
  #chars = 0;
  #count = 0;

  constructor(rows: BatchSettings['rows'], base: number) {
    this.#rows = rows;
    this.#base = base;
    if (rows.bom) this.#push(BOM);
  }

  /** How many rows were written, repeats apart. */
  get count(): number {
    return this.#count;
  }

  write(line: string): void {
    this.#push(`${line}\n`);
    const { duplicateShare } = this.#rows;
    if (
      duplicateShare > 0 &&
      uniform(this.#base, DUPLICATE_STREAM + this.#count) < duplicateShare
    ) {
      this.#duplicates.push(line);
    }
    this.#count += 1;
  }

  /** The whole file. `foreignLine` makes a row that belongs to nobody. */
  finish(foreignLine: (nth: number) => string): Buffer {
    for (const line of this.#duplicates) this.#push(`${line}\n`);
    const { foreign, malformed, truncated } = this.#rows;
    for (let nth = 0; nth < foreign; nth += 1) this.#push(`${foreignLine(nth)}\n`);
    for (let nth = 0; nth < malformed; nth += 1) this.#push('{"id": "batch_req_", "custom_id\n');
    this.#flush();
    const whole = this.#pieces.length === 1 ? this.#pieces[0] : undefined;
    const content = whole ?? Buffer.concat(this.#pieces);
    return truncated ? cutLastLine(content) : content;
  }

  #push(text: string): void {
    this.#text.push(text);
    this.#chars += text.length;
    if (this.#chars >= PIECE_CHARS) this.#flush();
  }

  #flush(): void {
    this.#pieces.push(Buffer.from(this.#text.join('')));
    this.#text = [];
    this.#chars = 0;
  }
}

/** Ends in the middle of the last line, as an upload that broke off. */
function cutLastLine(content: Buffer): Buffer {
  const lastStart = content.lastIndexOf(10, content.length - 2) + 1;
  return content.subarray(0, lastStart + Math.floor((content.length - lastStart) / 2));
}
