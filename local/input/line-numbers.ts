import { open } from 'node:fs/promises';

const READ_BYTES = 1_048_576;
const LINE_FEED = 0x0a;

/** The line each offset is on, from 1, index-aligned. One pass, as far as the last offset. */
export async function lineNumbersAt(path: string, offsets: readonly number[]): Promise<number[]> {
  const ascending = offsets.map((offset, index) => ({ offset, index }));
  ascending.sort((one, other) => one.offset - other.offset);
  const numbers = offsets.map(() => 1);
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let line = 1;
    let bufferStart = 0;
    let bufferLength = 0;
    let position = 0;
    for (const { offset, index } of ascending) {
      while (position < offset) {
        if (position >= bufferStart + bufferLength) {
          bufferStart = position;
          ({ bytesRead: bufferLength } = await file.read(buffer, 0, READ_BYTES, position));
          if (bufferLength === 0) break;
        }
        const end = Math.min(offset, bufferStart + bufferLength);
        line += countLineFeeds(buffer.subarray(position - bufferStart, end - bufferStart));
        position = end;
      }
      numbers[index] = line;
    }
  } finally {
    await file.close();
  }
  return numbers;
}

function countLineFeeds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) {
    count += 1;
  }
  return count;
}
