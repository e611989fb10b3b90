import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import { encoded } from '../segments/segment-names.ts';
import { isOutOfSpace, storageFull } from './storage-full.ts';

/** What a blob may be called; anything else could name what lies elsewhere. */
const BLOB = /^[A-Za-z0-9_-]{1,128}$/;

/** Content of files as `files/<tenant>/<blob>` in a directory. */
export class DiskFileContents implements FileContents {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async put(tenant: string, blob: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(tenant, blob);
    // Written aside and moved when whole, so that nobody ever reads half of it.
    const draft = `${path}.part`;
    try {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(draft, 'w');
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      await rm(draft, { force: true });
      throw isOutOfSpace(error) ? storageFull(path, error) : error;
    }
  }

  async read(tenant: string, blob: string, start: number, end: number): Promise<Uint8Array | null> {
    const file = await open(this.#pathOf(tenant, blob), 'r').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    });
    if (file === null) return null;
    try {
      const bytes = Buffer.allocUnsafe(Math.max(0, end - start));
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      await file.close();
    }
  }

  async discard(tenant: string, blobs: readonly string[]): Promise<void> {
    for (const blob of blobs) await rm(this.#pathOf(tenant, blob), { force: true });
  }

  #pathOf(tenant: string, blob: string): string {
    if (BLOB.test(blob)) return join(this.#directory, 'files', `t-${encoded(tenant)}`, blob);
    throw new AppError('internal', `${JSON.stringify(blob)} is no name of a blob`);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
