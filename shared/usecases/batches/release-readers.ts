import type { BatchStore } from '../../ports/batch-store.ts';
import { changeBatch } from './batch-changes.ts';

/** Frees batches that a dead process was reading. Only for who knows that nobody else reads any. */
export async function releaseReaders(batches: BatchStore): Promise<void> {
  for (const ref of await batches.open()) {
    await changeBatch(batches, ref, ({ lease }) => (lease === null ? null : { lease: null }));
  }
}
