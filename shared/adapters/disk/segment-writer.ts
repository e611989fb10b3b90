import { closeSync, fdatasync, ftruncateSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { AppError } from '../../domain/errors.ts';
import type { PayloadPointer } from '../../domain/requests/request.ts';
import { GroupSync } from './group-sync.ts';
import { openNewestSegment, openNextSegment, type SegmentFile } from './segment-files.ts';
import { isOutOfSpace, storageFull } from './storage-full.ts';

const NEWLINE = 0x0a;
/** Most that is gathered for one write. Unit: bytes. */
const WRITE_BYTES = 1_048_576;

const syncData = promisify(fdatasync);

export interface SegmentWriterOptions {
  readonly directory: string;
  /** Kind of segment, the start of its files' names. */
  readonly prefix: string;
  /** A segment is followed by the next before it grows beyond this. */
  readonly maxSegmentBytes: number;
  /** Least time between the starts of two flushes. Unit: ms. @default 0 */
  readonly flushSpacingMs?: number;
}

interface Waiting {
  readonly lines: readonly Uint8Array[];
  readonly done: (pointers: PayloadPointer[]) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Appends lines to segments. What is appended in one turn of the event loop reaches the operating
 * system in one write at the end of that turn; all who then wait for the disk share its next
 * flush. The process may die at any instant: what was handed over survives, and half a line is
 * cut off at the next start.
 */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #sync: GroupSync;
  /** Written to since the last flush. */
  #dirty = new Set<SegmentFile>();
  /** Followed by another segment; closed once no flush needs it any more. */
  readonly #retired = new Set<SegmentFile>();
  #segment: SegmentFile;
  #waiting: Waiting[] = [];
  /** The segment can no longer be trusted to take lines; the next goes into a new one. */
  #isSpoilt = false;
  /** Where each segment stood before the group that is being written. */
  readonly #startSizes = new Map<SegmentFile, number>();

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
    this.#sync = new GroupSync(() => this.#syncDirty(), options.flushSpacingMs);
    this.#segment = openNewestSegment(options.directory, options.prefix);
  }

  /** Resolves once the lines are durable. All of them are kept, or none. */
  async append(lines: readonly Uint8Array[]): Promise<PayloadPointer[]> {
    if (lines.some((line) => line.includes(NEWLINE))) {
      throw new AppError(
        'internal',
        `A line for ${this.#segment.name} holds a line break, which would end it early. Store JSON in one line.`,
      );
    }
    return new Promise((done, failed) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#writeWaiting());
      this.#waiting.push({ lines, done, failed });
    });
  }

  /** Waits for what was appended, then closes the files. */
  async close(): Promise<void> {
    this.#writeWaiting();
    await this.#sync.flush();
    closeSync(this.#segment.fd);
  }

  #writeWaiting(): void {
    const group = this.#waiting;
    if (group.length === 0) return;
    this.#waiting = [];
    let pointers: PayloadPointer[][];
    try {
      pointers = this.#writeGroup(group);
    } catch (error) {
      this.#undoGroup();
      this.#reject(group, error);
      return;
    }
    this.#sync.flush().then(
      () => {
        for (const [index, { done }] of group.entries()) done(pointers[index] ?? []);
      },
      (error: unknown) => this.#reject(group, error),
    );
  }

  #reject(group: readonly Waiting[], error: unknown): void {
    const reason = isOutOfSpace(error) ? storageFull(this.#segment.path, error) : error;
    for (const { failed } of group) failed(reason);
  }

  #writeGroup(group: readonly Waiting[]): PayloadPointer[][] {
    this.#startSizes.clear();
    if (this.#isSpoilt) this.#roll();
    this.#startSizes.set(this.#segment, this.#segment.size);
    const gathered: Uint8Array[] = [];
    let gatheredBytes = 0;
    const write = () => {
      if (gathered.length === 0) return;
      this.#writeLines(gathered, gatheredBytes);
      gathered.length = 0;
      gatheredBytes = 0;
    };
    const pointers = group.map(({ lines }) =>
      lines.map((line): PayloadPointer => {
        const bytes = line.byteLength + 1;
        const end = this.#segment.size + gatheredBytes;
        if (end > 0 && end + bytes > this.#options.maxSegmentBytes) {
          write();
          this.#roll();
        }
        const offset = this.#segment.size + gatheredBytes;
        const pointer = { segment: this.#segment.name, offset, length: line.byteLength };
        gathered.push(line);
        gatheredBytes += bytes;
        if (gatheredBytes >= WRITE_BYTES) write();
        return pointer;
      }),
    );
    write();
    return pointers;
  }

  #writeLines(lines: readonly Uint8Array[], bytes: number): void {
    const buffer = Buffer.allocUnsafe(bytes);
    let end = 0;
    for (const line of lines) {
      buffer.set(line, end);
      end += line.byteLength;
      buffer[end] = NEWLINE;
      end += 1;
    }
    const { fd, size } = this.#segment;
    for (let written = 0; written < bytes; ) {
      written += writeSync(fd, buffer, written, bytes - written, size + written);
    }
    this.#segment.size += bytes;
    this.#dirty.add(this.#segment);
  }

  #roll(): void {
    const { directory, prefix } = this.#options;
    const full = this.#segment;
    this.#segment = openNextSegment(directory, prefix, full.name);
    this.#isSpoilt = false;
    this.#startSizes.set(this.#segment, 0);
    this.#retired.add(full);
  }

  /** Takes back what a failed group left, so that no part of it is ever read. */
  #undoGroup(): void {
    for (const [segment, size] of this.#startSizes) {
      segment.size = size;
      try {
        ftruncateSync(segment.fd, size);
      } catch {
        // What is left has no pointer to it; a new segment keeps later lines whole.
        this.#isSpoilt = true;
      }
    }
  }

  async #syncDirty(): Promise<void> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    try {
      for (const segment of dirty) await syncData(segment.fd);
    } catch (error) {
      // The system may have dropped the pages it could not write: a second flush would lie.
      this.#isSpoilt = true;
      throw error;
    } finally {
      this.#closeRetired();
    }
  }

  #closeRetired(): void {
    for (const segment of this.#retired) {
      if (this.#dirty.has(segment)) continue;
      closeSync(segment.fd);
      this.#retired.delete(segment);
    }
  }
}
