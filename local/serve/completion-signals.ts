import type { CompletionSignal } from '../../shared/ports/completion-signal.ts';
import type { PublishedResult } from '../../shared/usecases/dispatch-progress.ts';

/** Wakes callers that wait for a request, in the process that answers it. */
export class CompletionSignals implements CompletionSignal {
  readonly #waiting = new Map<string, Set<() => void>>();

  wait(tenant: string, id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const key = keyOf(tenant, id);
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        waiting.delete(end);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(end, timeoutMs);
      signal.addEventListener('abort', end, { once: true });
      waiting.add(end);
    });
  }

  /** Tells everyone who waits for one of these. */
  published(results: readonly PublishedResult[]): void {
    if (this.#waiting.size === 0) return;
    for (const { outcome } of results) {
      for (const end of this.#waiting.get(keyOf(outcome.tenant, outcome.id)) ?? []) end();
    }
  }
}

function keyOf(tenant: string, id: string): string {
  return `${tenant}\n${id}`;
}
