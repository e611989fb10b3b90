import type { BatchRef } from './batch-store.ts';

/**
 * Wakes whoever moves batches on. Only a doorbell: a batch nobody rang for is found by looking, so a
 * lost or doubled ring is harmless.
 */
export interface BatchBell {
  /** Never rejects. */
  ring(batches: readonly BatchRef[]): Promise<void>;
}
