import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { decodeResultLine } from '../../shared/contracts/result-line.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { PenstockApi, ResultsFilter } from '../api-client/penstock-api.ts';

export interface DownloadOptions {
  readonly api: PenstockApi;
  readonly filter: ResultsFilter;
  /** A path, or a stream to write to. */
  readonly output: string | NodeJS.WritableStream;
  /** Replaces a file that holds something else. */
  readonly overwrite: boolean;
  readonly onProgress: (lines: number) => void;
}

/** Longest beginning of a file that is looked at to know it for results. Unit: bytes. */
const MOST_LOOKED_AT = 4_194_304;

/**
 * Writes all result lines, and tells how many. A file is written aside and put in its place when
 * it is whole, so it is complete or as it was, and the same download may be repeated at any time.
 *
 * @throws {AppError} `output_conflict` when the file holds something that is no results.
 */
export async function downloadResults(options: DownloadOptions): Promise<number> {
  const { output, overwrite } = options;
  if (typeof output !== 'string') {
    return writePages(options, (bytes) => writeTo(output, bytes));
  }
  if (!overwrite) await refuseForeign(output);
  const aside = `${output}.part`;
  const file = await openOutput(aside);
  try {
    const lines = await writePages(options, (bytes) => file.writeFile(bytes));
    await file.datasync();
    await file.close();
    await rename(aside, output);
    return lines;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(aside, { force: true });
    throw error;
  }
}

async function writePages(
  { api, filter, onProgress }: DownloadOptions,
  write: (bytes: Buffer) => Promise<unknown>,
): Promise<number> {
  let lines = 0;
  let after: string | undefined;
  for (;;) {
    const page = await api.results(filter, after);
    await write(page.bytes);
    lines += page.lines;
    onProgress(lines);
    if (page.next === null) return lines;
    after = page.next;
  }
}

function writeTo(stream: NodeJS.WritableStream, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Refuses to replace a file that no download or run of ours can have written. */
export async function refuseForeign(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null || (found.isFile() && found.size === 0)) return;
  if (!found.isFile()) {
    throw new AppError('output_conflict', `${path} is not a file. Give a file with -o.`);
  }
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(found.size, MOST_LOOKED_AT));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    const [first = ''] = buffer.subarray(0, bytesRead).toString().split('\n', 1);
    if (decodeResultLine(first, { segment: '', offset: 0, length: 0 }) !== null) return;
  } finally {
    await file.close();
  }
  throw new AppError(
    'output_conflict',
    `${path} exists, and holds no results. Give --overwrite to replace it, or another -o.`,
    { details: { path } },
  );
}

async function openOutput(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w', 0o644);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError(
      'file_not_found',
      `Cannot write ${path}: ${reason}. Its directory must exist and be writable.`,
      { cause: error },
    );
  }
}
