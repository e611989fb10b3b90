/** From the bytes of a JSONL file, in any pieces, to its lines. */

const LINE_FEED = 10;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export interface Line {
  readonly text: string;
  /** False for a last line without a line break: it may have been cut short. */
  readonly isTerminated: boolean;
}

/** A line, or a run of lines, beyond what is accepted. */
export class UnboundedLines extends Error {
  override readonly name = 'UnboundedLines';
}

/**
 * Lines that hold something. A byte order mark at the start is left out; a carriage return at the
 * end of a line stays, which is white space to JSON. Never holds more than one line and one piece.
 *
 * @throws {UnboundedLines} at a line of more than `longestBytes`, or after more than `mostLines`,
 * blank ones counted.
 */
export async function* readLines(
  pieces: AsyncIterable<Buffer>,
  { longestBytes, mostLines }: { readonly longestBytes: number; readonly mostLines: number },
): AsyncGenerator<Line, void> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let lines = 0;
  const finish = (rest: Buffer): string => {
    const bytes = begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
    begun = [];
    begunBytes = 0;
    lines += 1;
    if (lines > mostLines) throw new UnboundedLines(`It has more than ${mostLines} lines`);
    const isMarked = lines === 1 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK);
    return bytes.toString('utf8', isMarked ? 3 : 0);
  };
  const checkLength = (bytes: number): void => {
    if (bytes <= longestBytes) return;
    throw new UnboundedLines(`A line of it is longer than ${longestBytes} bytes`);
  };

  for await (const piece of pieces) {
    let start = 0;
    for (;;) {
      const end = piece.indexOf(LINE_FEED, start);
      if (end < 0) break;
      checkLength(begunBytes + end - start);
      const text = finish(piece.subarray(start, end));
      start = end + 1;
      if (text.trim() !== '') yield { text, isTerminated: true };
    }
    if (start < piece.length) {
      begun.push(piece.subarray(start));
      begunBytes += piece.length - start;
      checkLength(begunBytes);
    }
  }
  if (begunBytes === 0) return;
  const text = finish(Buffer.alloc(0));
  if (text.trim() !== '') yield { text, isTerminated: false };
}
