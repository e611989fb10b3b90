/**
 * Shares one slow flush among all who ask for it meanwhile. While one runs, and for a short time
 * after it began, later callers wait together for the next: a quiet caller is served at once, a
 * busy one pays for few flushes.
 */
export class GroupSync {
  readonly #sync: () => Promise<void>;
  readonly #spacingMs: number;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /**
   * @param spacingMs Least time between the starts of two flushes. Unit: ms.
   */
  constructor(sync: () => Promise<void>, spacingMs = 0) {
    this.#sync = sync;
    this.#spacingMs = spacingMs;
  }

  /** Resolves after a flush that began no earlier than this call. */
  flush(): Promise<void> {
    if (this.#running === null) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<void> {
    this.#next = null;
    const spaced = pause(this.#spacingMs);
    const synced = this.#sync();
    const running = Promise.allSettled([synced, spaced]).then(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return synced;
  }
}

function pause(ms: number): Promise<void> | undefined {
  return ms === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms));
}
