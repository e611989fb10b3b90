import type { FilePart } from '../../domain/batches/stored-file.ts';
import { type InputLine, type LinePlace, LineSplitter } from '../../domain/json/line-splitter.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import { readContent } from '../files/read-content.ts';

/** Lines of a file from a place on, some at a time; never the whole of it. Blank ones are left out. */
export async function* readLines(
  contents: Pick<FileContents, 'read'>,
  tenant: string,
  parts: readonly FilePart[],
  from: LinePlace,
): AsyncGenerator<InputLine[]> {
  const splitter = new LineSplitter(undefined, from);
  for await (const piece of readContent(contents, tenant, parts, from.offset)) {
    const lines = splitter.push(Buffer.from(piece));
    if (lines.length > 0) yield lines;
  }
  const last = splitter.end();
  if (last.length > 0) yield last;
}

/** Lines that are accepted together. */
export interface LineChunk {
  readonly lines: readonly InputLine[];
  /** Where the next one begins; `null` behind the last line. */
  readonly next: LinePlace | null;
}

const MOST_LINES = 1_000;
const MOST_BYTES = 4_194_304;

/** The same lines from the same place are the same chunks, whoever reads them. */
export async function* chunksOf(groups: AsyncIterable<InputLine[]>): AsyncGenerator<LineChunk> {
  let lines: InputLine[] = [];
  let bytes = 0;
  for await (const group of groups) {
    for (const line of group) {
      if (lines.length === MOST_LINES || (lines.length > 0 && bytes + line.length > MOST_BYTES)) {
        yield { lines, next: { number: line.number, offset: line.offset } };
        lines = [];
        bytes = 0;
      }
      lines.push(line);
      bytes += line.length;
    }
  }
  yield { lines, next: null };
}
