import type { RequestRecord } from '../books.ts';
import type { Call } from '../call.ts';
import type { BatchBooks } from './batch-books.ts';

/** What one batch puts into the queue, until it ends. */
export class QueueEntry {
  readonly #records: RequestRecord[] = [];
  readonly #bad: number[] = [];
  #promptTokens = 0;
  #duplicates = 0;

  /** A request that can run. */
  add(record: RequestRecord, { promptTokens }: Call): void {
    this.#records.push(record);
    this.#promptTokens += promptTokens;
    if (record.queued > 0 || record.isBilled) this.#duplicates += 1;
  }

  /** A request that can only fail. */
  addBad(index: number): void {
    this.#bad.push(index);
  }

  /** Of all prompts together. */
  get promptTokens(): number {
    return this.#promptTokens;
  }

  /** Indices of the requests that can only fail. */
  get bad(): readonly number[] {
    return this.#bad;
  }

  enter(books: BatchBooks): void {
    for (const record of this.#records) record.queued += 1;
    books.rowsSubmitted += this.#records.length + this.#bad.length;
    books.duplicateRows += this.#duplicates;
    if (this.#duplicates > 0) books.duplicateBatches += 1;
  }

  leave(): void {
    for (const record of this.#records) record.queued -= 1;
    this.#records.length = 0;
  }
}
