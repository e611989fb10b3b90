import type { FileContents } from '../../shared/ports/file-contents.ts';

/** Content of files, in memory. */
export class MemoryContents implements FileContents {
  readonly blobs = new Map<string, Uint8Array>();

  async put(tenant: string, blob: string, bytes: Uint8Array): Promise<void> {
    this.blobs.set(`${tenant}/${blob}`, bytes);
  }

  async read(tenant: string, blob: string, start: number, end: number): Promise<Uint8Array | null> {
    return this.blobs.get(`${tenant}/${blob}`)?.subarray(start, end) ?? null;
  }

  async discard(tenant: string, blobs: readonly string[]): Promise<void> {
    for (const blob of blobs) this.blobs.delete(`${tenant}/${blob}`);
  }
}
