import type { ContentAddresses, FileContents } from '../../shared/ports/file-contents.ts';

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

/** Where a deployment's callers would fetch what lies there. */
export function addressesIn(contents: FileContents): ContentAddresses {
  return {
    async addressOf(tenant, blob) {
      const { length = 0 } = (await contents.read(tenant, blob, 0, 1)) ?? {};
      return length === 0 ? null : `https://store.example/${blob}`;
    },
    async store(tenant, blob, content) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      await contents.put(tenant, blob, Buffer.concat(pieces));
    },
  };
}
