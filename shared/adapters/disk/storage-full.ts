import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../../domain/errors.ts';

const MEBIBYTE = 1_048_576;

/** The error for a disk that cannot take more: it names the path, the free space and the remedy. */
export function storageFull(path: string, cause: unknown): AppError {
  const freeBytes = freeBytesAt(path);
  const free =
    freeBytes === null ? 'unknown free space' : `${Math.floor(freeBytes / MEBIBYTE)} MiB free`;
  return new AppError(
    'storage_full',
    `No space to write ${path} (${free}). Free space on that disk or raise its quota, then start again with the same state: nothing recorded so far is lost.`,
    { cause, details: { path, freeBytes } },
  );
}

/** True for a failed write that more space would have let through. */
export function isOutOfSpace(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EFBIG';
}

function freeBytesAt(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize;
  } catch {
    // Only decorates the message; the write error itself is what matters.
    return null;
  }
}
