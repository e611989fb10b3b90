import { type FileHandle, open } from 'node:fs/promises';

interface Entry {
  readonly handle: Promise<FileHandle>;
  users: number;
}

/** Keeps files open for reading between uses, the least recently used closed first. */
export class FileHandles {
  readonly #capacity: number;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Runs `read` on the open file; it stays open at least until that is done. */
  async use<Value>(path: string, read: (handle: FileHandle) => Promise<Value>): Promise<Value> {
    const entry = this.#entries.get(path) ?? { handle: open(path, 'r'), users: 0 };
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    entry.users += 1;
    try {
      return await read(await entry.handle);
    } finally {
      entry.users -= 1;
      await this.#closeSpare(entry, path);
    }
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { handle } of entries) await (await handle).close();
  }

  async #closeSpare(used: Entry, path: string): Promise<void> {
    const isOpen = await used.handle.then(
      () => true,
      () => false,
    );
    if (!isOpen && this.#entries.get(path) === used) this.#entries.delete(path);
    for (const [spare, { handle, users }] of this.#entries) {
      if (this.#entries.size <= this.#capacity) return;
      if (users > 0) continue;
      this.#entries.delete(spare);
      await (await handle).close();
    }
  }
}
