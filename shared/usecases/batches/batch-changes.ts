import type { BatchRecord } from '../../domain/batches/batch.ts';
import type { BatchStore } from '../../ports/batch-store.ts';

/**
 * Changes a batch as it stands, however often somebody else is faster. Resolves to what stands
 * then; `null` when there is no batch, or `decide` finds nothing to change.
 */
export async function changeBatch(
  batches: BatchStore,
  { tenant, id }: Pick<BatchRecord, 'tenant' | 'id'>,
  decide: (record: BatchRecord) => Partial<BatchRecord> | null,
): Promise<BatchRecord | null> {
  for (;;) {
    const record = await batches.get(tenant, id);
    const change = record === null ? null : decide(record);
    if (record === null || change === null) return null;
    const next: BatchRecord = { ...record, ...change, version: record.version + 1 };
    if (await batches.update(next)) return next;
  }
}
