import type { PayloadPointer } from '../domain/requests/request.ts';

/** One whole line of the result log. */
export interface LoggedResult {
  /** Without the line break. */
  readonly line: Uint8Array;
  readonly pointer: PayloadPointer;
}

/** Up to where each result segment holds nothing but committed lines. Unit: bytes. */
export type CommitMarks = ReadonlyMap<string, number>;

/** The result log as the next owner reads it. */
export interface ResultLogReader {
  /**
   * Whole lines behind the marks, segment by segment, in the order written. A segment without a
   * mark is read from its start. An incomplete last line is passed over.
   */
  tail(marks: CommitMarks): AsyncIterable<LoggedResult>;
}

/** Where a reader of the log may begin. Marks only ever move forward, and never over a line that was not committed. */
export interface CommitMarkStore {
  marks(): Promise<CommitMarks>;
  /** States that everything before `offset` in the segment has been dealt with. */
  advance(segment: string, offset: number): Promise<void>;
}
