import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';

const NEWLINE = 0x0a;
const SCAN_BYTES = 65_536;

/** One append-only file and how much of it holds whole lines. */
export interface SegmentFile {
  /** Its name in pointers: the file's own name. */
  readonly name: string;
  readonly path: string;
  readonly fd: number;
  size: number;
}

/** Names of the segments of one kind, oldest first. */
export function listSegments(directory: string, prefix: string): string[] {
  return readdirSync(directory)
    .filter((name) => numberOf(name, prefix) !== null)
    .sort();
}

/**
 * Opens the newest segment of one kind, less an incomplete last line that a dying process left,
 * or the first one. Only the owner of the directory may call it.
 */
export function openNewestSegment(directory: string, prefix: string): SegmentFile {
  mkdirSync(directory, { recursive: true });
  const name = listSegments(directory, prefix).at(-1);
  if (name === undefined) return createSegment(directory, nameOf(prefix, 1));
  const path = join(directory, name);
  const fd = openSync(path, 'r+');
  const written = fstatSync(fd).size;
  const size = endOfLastLine(fd, written);
  if (size < written) ftruncateSync(fd, size);
  return { name, path, fd, size };
}

/** Opens the segment that follows one. */
export function openNextSegment(directory: string, prefix: string, after: string): SegmentFile {
  return createSegment(directory, nameOf(prefix, (numberOf(after, prefix) ?? 0) + 1));
}

function createSegment(directory: string, name: string): SegmentFile {
  const path = join(directory, name);
  const fd = openSync(path, 'wx+');
  try {
    syncDirectory(directory);
  } catch (error) {
    closeSync(fd);
    unlinkSync(path);
    throw error;
  }
  return { name, path, fd, size: 0 };
}

/** A file is not durable before the directory that names it is. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function nameOf(prefix: string, number: number): string {
  return `${prefix}-${String(number).padStart(6, '0')}.jsonl`;
}

function numberOf(name: string, prefix: string): number | null {
  const match = /^(.+)-(\d{6})\.jsonl$/.exec(name);
  return match?.[1] === prefix ? Number(match[2]) : null;
}

/** Just behind the last line break; 0 when there is none. */
function endOfLastLine(fd: number, size: number): number {
  const buffer = Buffer.alloc(SCAN_BYTES);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - SCAN_BYTES);
    const bytes = readSync(fd, buffer, 0, end - start, start);
    const found = buffer.subarray(0, bytes).lastIndexOf(NEWLINE);
    if (found >= 0) return start + found + 1;
    end = start;
  }
  return 0;
}
