import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import type { PayloadPointer } from '../../domain/requests/request.ts';
import type { ResultLog } from '../../ports/payload-store.ts';
import type { CommitMarks, LoggedResult, ResultLogReader } from '../../ports/result-log-reader.ts';
import { listSegments } from './segment-files.ts';
import { SegmentWriter } from './segment-writer.ts';

const NEWLINE = 0x0a;
const PREFIX = 'results';
/** Unit: bytes. */
const MAX_SEGMENT_BYTES = 268_435_456;
/**
 * A flush costs a millisecond of CPU or two, whatever it flushes. What waits for one has reached
 * the operating system already, so only a loss of power could take it. Unit: ms.
 */
const FLUSH_SPACING_MS = 25;
/** Unit: bytes. */
const READ_BYTES = 1_048_576;

export interface DiskResultLogOptions {
  /** Made when it is missing. Segments are called `results-000001.jsonl` and so on. */
  readonly directory: string;
  /** @default 256 MiB */
  readonly maxSegmentBytes?: number;
}

/** Answers on their way to being published, as JSONL segments in a directory. */
export class DiskResultLog implements ResultLog, ResultLogReader {
  readonly #directory: string;
  readonly #writer: SegmentWriter;

  /** Opens the log, less an incomplete last line. The caller must own the directory. */
  constructor({ directory, maxSegmentBytes = MAX_SEGMENT_BYTES }: DiskResultLogOptions) {
    this.#directory = directory;
    this.#writer = new SegmentWriter({
      directory,
      prefix: PREFIX,
      maxSegmentBytes,
      flushSpacingMs: FLUSH_SPACING_MS,
    });
  }

  async append(_tenant: string, line: Uint8Array): Promise<PayloadPointer> {
    const [pointer] = await this.#writer.append([line]);
    if (pointer === undefined) throw new AppError('internal', 'The result log kept no line.');
    return pointer;
  }

  async *tail(marks: CommitMarks): AsyncGenerator<LoggedResult> {
    for (const segment of listSegments(this.#directory, PREFIX)) {
      yield* this.#tailOf(segment, marks.get(segment) ?? 0);
    }
  }

  async *#tailOf(segment: string, start: number): AsyncGenerator<LoggedResult> {
    const chunks = createReadStream(join(this.#directory, segment), {
      start,
      highWaterMark: READ_BYTES,
    });
    let offset = start;
    let rest = Buffer.alloc(0);
    for await (const chunk of chunks) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
        const line = bytes.subarray(from, end);
        yield { line, pointer: { segment, offset: offset + from, length: line.length } };
        from = end + 1;
      }
      offset += from;
      rest = bytes.subarray(from);
    }
  }

  /** Waits for what was appended, then closes the files. */
  async close(): Promise<void> {
    await this.#writer.close();
  }
}
