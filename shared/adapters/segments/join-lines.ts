import { AppError } from '../../domain/errors.ts';
import type { PayloadPointer } from '../../domain/requests/request.ts';

const NEWLINE = 0x0a;

/** Lines as one segment holds them, and where each lies in it. */
export interface JoinedLines {
  readonly bytes: Uint8Array;
  readonly pointers: PayloadPointer[];
}

/** The segment's content: each line with its line break. */
export function joinLines(segment: string, lines: readonly Uint8Array[]): JoinedLines {
  const bytes = new Uint8Array(bytesOf(lines));
  let offset = 0;
  const pointers = lines.map((line) => {
    const pointer = { segment, offset, length: line.length };
    bytes.set(line, offset);
    offset += line.length + 1;
    bytes[offset - 1] = NEWLINE;
    return pointer;
  });
  return { bytes, pointers };
}

/** What lines take in a segment. Unit: bytes. */
export function bytesOf(lines: readonly Uint8Array[]): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0);
}

/** @throws {AppError} `internal` when a line would end early where it is stored. */
export function refuseLineBreaks(lines: readonly Uint8Array[]): void {
  if (!lines.some((line) => line.includes(NEWLINE))) return;
  throw new AppError(
    'internal',
    'A line to be stored holds a line break, which would end it early. Store JSON in one line.',
  );
}

/** The lines of a segment's content from an offset on. An incomplete last one is passed over. */
export function* splitLines(
  segment: string,
  bytes: Uint8Array,
  start: number,
): Generator<{ line: Uint8Array; pointer: PayloadPointer }> {
  let from = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
    const line = bytes.subarray(from, end);
    yield { line, pointer: { segment, offset: start + from, length: line.length } };
    from = end + 1;
  }
}
