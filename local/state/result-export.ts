/** The output file: a copy of what has been published, in that order, each line once. */

import { constants, existsSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isOutOfSpace, storageFull } from '../../shared/adapters/disk/storage-full.ts';
import type { Published } from '../../shared/adapters/sqlite/work-store.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { PayloadStore } from '../../shared/ports/payload-store.ts';
import type { ExportRecord, RunRecords } from './run-records.ts';

/** Where published results are read from. */
export interface PublishedSource {
  publishedAfter(commitSeq: number, limit: number): Promise<Published[]>;
}

export interface ResultExportDeps {
  readonly published: PublishedSource;
  readonly payloads: Pick<PayloadStore, 'read'>;
  readonly records: RunRecords;
  readonly clock: Clock;
}

export interface OpenExportOptions {
  readonly path: string;
  /** Replaces what is there and is not ours. */
  readonly overwrite: boolean;
  /** Lines that go before everything published. */
  readonly preface: () => AsyncIterable<Uint8Array>;
}

const LINES_PER_READ = 512;
/** How often what was written is made durable and recorded. Unit: ms. */
const RECORD_EVERY_MS = 1_000;
const LINE_FEED = Buffer.from('\n');

export class ResultExport {
  readonly #deps: ResultExportDeps;
  readonly #path: string;
  readonly #file: FileHandle;
  #bytes: number;
  #commitSeq: number;
  #recordedAtMs: number;
  #running: Promise<void> | null = null;
  #isBehind = false;

  private constructor(deps: ResultExportDeps, file: FileHandle, record: ExportRecord) {
    this.#deps = deps;
    this.#file = file;
    this.#path = record.path;
    this.#bytes = record.bytes;
    this.#commitSeq = record.commitSeq;
    this.#recordedAtMs = deps.clock.nowMs();
  }

  /**
   * Opens the output where the last run left it: what was written after the last record is cut
   * off and written again.
   *
   * @throws {AppError} `output_conflict` when the file is not what was written.
   */
  static async open(deps: ResultExportDeps, options: OpenExportOptions): Promise<ResultExport> {
    const { path, overwrite, preface } = options;
    const file = await openOutput(path);
    try {
      const record = overwrite ? fromStart(path) : await resumePoint(deps, file, path);
      // Recorded before the first byte, so that a crash leaves a file we know for ours.
      deps.records.export = record;
      await file.truncate(record.bytes);
      const output = new ResultExport(deps, file, record);
      if (record.bytes === 0) {
        for await (const line of preface()) await output.#write([line]);
        await output.#record();
      }
      await output.advance();
      return output;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Lines written so far reach up to this publication. */
  get commitSeq(): number {
    return this.#commitSeq;
  }

  /** Writes all that was published up to now. Calls made meanwhile share the next round. */
  advance(): Promise<void> {
    this.#isBehind = true;
    this.#running ??= this.#catchUp().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Writes the rest, makes it durable, and lets go of the file. */
  async close(): Promise<void> {
    try {
      await this.advance();
      await this.#record();
    } finally {
      await this.#file.close();
    }
  }

  async #catchUp(): Promise<void> {
    while (this.#isBehind) {
      this.#isBehind = false;
      for await (const { lines, commitSeq } of publishedLines(this.#deps, this.#commitSeq)) {
        await this.#write(lines);
        this.#commitSeq = commitSeq;
      }
      if (this.#deps.clock.nowMs() - this.#recordedAtMs >= RECORD_EVERY_MS) await this.#record();
    }
  }

  async #write(lines: readonly Uint8Array[]): Promise<void> {
    const block = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
    try {
      for (let written = 0; written < block.length; ) {
        const { bytesWritten } = await this.#file.write(block, written, null, this.#bytes);
        written += bytesWritten;
        this.#bytes += bytesWritten;
      }
    } catch (error) {
      throw isOutOfSpace(error) ? storageFull(this.#path, error) : error;
    }
  }

  async #record(): Promise<void> {
    await this.#file.datasync();
    this.#recordedAtMs = this.#deps.clock.nowMs();
    this.#deps.records.export = {
      path: this.#path,
      bytes: this.#bytes,
      commitSeq: this.#commitSeq,
    };
  }
}

/** Every published line after a point, in order of publication, read in blocks. */
export async function* publishedLines(
  { published, payloads }: Pick<ResultExportDeps, 'published' | 'payloads'>,
  after: number,
): AsyncGenerator<{ lines: readonly Uint8Array[]; commitSeq: number }> {
  let commitSeq = after;
  for (;;) {
    const entries = await published.publishedAfter(commitSeq, LINES_PER_READ);
    const last = entries.at(-1);
    if (last === undefined) return;
    commitSeq = last.commitSeq;
    yield { lines: await payloads.read(entries.map(({ result }) => result)), commitSeq };
  }
}

/**
 * Refuses early what `ResultExport.open` would refuse, and leaves everything as it is.
 *
 * @throws {AppError} `output_conflict`
 */
export async function refuseForeignOutput(deps: ResultExportDeps, path: string): Promise<void> {
  if (!existsSync(path)) return;
  const file = await open(path, 'r');
  try {
    await resumePoint(deps, file, path);
  } finally {
    await file.close();
  }
}

async function openOutput(path: string): Promise<FileHandle> {
  try {
    // Made where there is none, and left as it is where there is one.
    return await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  } catch (error) {
    if (isOutOfSpace(error)) throw storageFull(path, error);
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError(
      'file_not_found',
      `Cannot write ${path}: ${reason}. Its directory must exist and be writable.`,
      { cause: error },
    );
  }
}

/** Up to where the file on disk is known to be right. */
async function resumePoint(
  deps: ResultExportDeps,
  file: FileHandle,
  path: string,
): Promise<ExportRecord> {
  const { size } = await file.stat();
  if (size === 0) return fromStart(path);
  const record = deps.records.export;
  if (record?.path === path && (await isAsRecorded(deps, file, size, record))) return record;
  throw new AppError(
    'output_conflict',
    record?.path === path
      ? `${path} was changed since Penstock wrote it. Give --overwrite to write all of it again, or another -o.`
      : `${path} exists already. Give --overwrite to replace it, or another -o.`,
    { details: { path } },
  );
}

function fromStart(path: string): ExportRecord {
  return { path, bytes: 0, commitSeq: 0 };
}

/** Long enough, and its last recorded line is the one the ledger says. */
async function isAsRecorded(
  { published, payloads }: ResultExportDeps,
  file: FileHandle,
  size: number,
  { bytes, commitSeq }: ExportRecord,
): Promise<boolean> {
  if (size < bytes) return false;
  if (commitSeq === 0) return true;
  const [last] = await published.publishedAfter(commitSeq - 1, 1);
  if (last === undefined || last.commitSeq !== commitSeq) return false;
  const [line] = await payloads.read([last.result]);
  if (line === undefined || line.length + 1 > bytes) return false;
  const found = Buffer.alloc(line.length + 1);
  await file.read(found, 0, found.length, bytes - found.length);
  return found.equals(Buffer.concat([line, LINE_FEED]));
}
