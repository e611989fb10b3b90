import type { CommitMarks, LoggedResult, ResultLogReader } from '../../ports/result-log-reader.ts';
import type { DynamoResultLogIndex } from '../dynamodb/result-log-index.ts';
import { splitLines } from '../segments/join-lines.ts';
import { resultsFolder } from '../segments/segment-names.ts';
import type { S3Objects } from './objects.ts';

export interface S3ResultLogReaderOptions {
  readonly objects: Pick<S3Objects, 'list' | 'read'>;
  readonly index: Pick<DynamoResultLogIndex, 'entries'>;
  /** Whose log is read: a worker that is dead, or taken for it. */
  readonly owner: string;
}

/**
 * The log of one worker, small groups and objects alike. Each tenant's objects come in the order
 * in which they were written, and so do its small groups.
 */
export class S3ResultLogReader implements ResultLogReader {
  readonly #options: S3ResultLogReaderOptions;

  constructor(options: S3ResultLogReaderOptions) {
    this.#options = options;
  }

  async *tail(marks: CommitMarks): AsyncGenerator<LoggedResult> {
    const { index, owner } = this.#options;
    for await (const entry of index.entries(owner)) {
      if (entry.kind === 'folder') {
        yield* this.#folder(resultsFolder(entry.tenant, owner), marks);
        continue;
      }
      const start = marks.get(entry.segment) ?? 0;
      yield* splitLines(entry.segment, entry.bytes.subarray(start), start);
    }
  }

  async *#folder(folder: string, marks: CommitMarks): AsyncGenerator<LoggedResult> {
    const { objects } = this.#options;
    for await (const { key, bytes } of objects.list(folder)) {
      const start = marks.get(key) ?? 0;
      if (start >= bytes) continue;
      // Deleted since it was listed: what it held is past its retention.
      const content = await objects.read(key, start);
      if (content !== null) yield* splitLines(key, content, start);
    }
  }
}
