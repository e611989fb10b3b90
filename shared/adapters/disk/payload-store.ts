import type { FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import type { PayloadPointer } from '../../domain/requests/request.ts';
import type { PayloadStore } from '../../ports/payload-store.ts';
import { type PlannedRead, planReads } from '../segments/read-plan.ts';
import { readPlanned } from '../segments/read-planned.ts';
import { FileHandles } from './file-handles.ts';
import { SegmentWriter } from './segment-writer.ts';

const PREFIX = 'bodies';
/** Unit: bytes. */
const MAX_SEGMENT_BYTES = 67_108_864;
const MOST_OPEN_FILES = 32;
/** Node reads files on four threads; more at once would only wait there. */
const READS_AT_ONCE = 4;

export interface DiskPayloadStoreOptions {
  /**
   * Made when it is missing. Own segments are called `bodies-000001.jsonl` and so on; every file
   * in it can be read as a segment of its own name, so the result log belongs here too.
   */
  readonly directory: string;
  /** Segments that are other files, by name: an input file is its own segment. */
  readonly external?: Readonly<Record<string, string>>;
  /** @default 64 MiB */
  readonly maxSegmentBytes?: number;
}

/** Bodies and results as JSONL segments in a directory. */
export class DiskPayloadStore implements PayloadStore {
  readonly #options: DiskPayloadStoreOptions;
  readonly #external: Map<string, string>;
  readonly #handles = new FileHandles(MOST_OPEN_FILES);
  /** Opened by the first append: a store that only reads leaves no empty segment. */
  #writer: SegmentWriter | null = null;

  constructor(options: DiskPayloadStoreOptions) {
    this.#options = options;
    this.#external = new Map(Object.entries(options.external ?? {}));
  }

  /** The caller must own the directory. */
  async append(_tenant: string, lines: readonly Uint8Array[]): Promise<PayloadPointer[]> {
    if (lines.length === 0) return [];
    const { directory, maxSegmentBytes = MAX_SEGMENT_BYTES } = this.#options;
    this.#writer ??= new SegmentWriter({ directory, prefix: PREFIX, maxSegmentBytes });
    return this.#writer.append(lines);
  }

  async read(pointers: readonly PayloadPointer[]): Promise<Uint8Array[]> {
    const reads = planReads(pointers);
    return readPlanned(pointers, reads, READS_AT_ONCE, (planned) => this.#readBytes(planned));
  }

  /** Waits for what was appended, then closes the files. */
  async close(): Promise<void> {
    await this.#writer?.close();
    await this.#handles.close();
  }

  async #readBytes({ segment, start, end }: PlannedRead): Promise<Buffer> {
    const path = this.#pathOf(segment);
    try {
      return await this.#handles.use(path, (handle) => readWhole(handle, path, start, end));
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error;
      throw new AppError(
        'file_not_found',
        `${path} is missing, and requests refer to it. Put the file back as it was, then start again.`,
        { cause: error, details: { path } },
      );
    }
  }

  #pathOf(segment: string): string {
    const external = this.#external.get(segment);
    if (external !== undefined) return external;
    if (basename(segment) === segment && segment.endsWith('.jsonl')) {
      return join(this.#options.directory, segment);
    }
    throw new AppError(
      'file_not_found',
      `No file is known for the segment ${JSON.stringify(segment)}. Name its path in the external segments of the store.`,
      { details: { segment } },
    );
  }
}

async function readWhole(
  handle: FileHandle,
  path: string,
  start: number,
  end: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) {
      throw new AppError(
        'state_conflict',
        `${path} ends at byte ${start + filled}, but requests refer to bytes up to ${end}: it was cut or replaced. Put the file back as it was, or start with a new state directory.`,
        { details: { path, bytes: start + filled, wantedBytes: end } },
      );
    }
    filled += bytesRead;
  }
  return bytes;
}
