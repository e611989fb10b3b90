import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { BatchRecord } from '../../../shared/domain/batches/batch.ts';
import { timeId } from '../../../shared/domain/time-id.ts';
import type { BatchStore } from '../../../shared/ports/batch-store.ts';
import { makeBatch } from '../../support/make-batch.ts';
import { START_MS } from '../builders.ts';

export interface BatchesUnderTest {
  readonly batches: BatchStore;
  close(): Promise<void>;
}

/** What every BatchStore must do. Other tests may share its store. */
export function defineBatchStoreContract(
  name: string,
  makeStore: () => Promise<BatchesUnderTest>,
): void {
  describe(`BatchStore on ${name}`, () => {
    let store: BatchesUnderTest;
    let tenant: string;
    beforeEach(async () => {
      store = await makeStore();
      tenant = systemRandom.id('t#/');
    });
    afterEach(() => store.close());

    const batch = (index: number, overrides: Partial<BatchRecord> = {}): BatchRecord =>
      makeBatch({
        id: timeId('batch_', START_MS + index, systemRandom.id('').slice(0, 20)),
        tenant,
        createdAtMs: START_MS + index,
        expiresAtMs: START_MS + 86_400_000,
        ...overrides,
      });

    it('creates once, and changes only what was seen', async () => {
      const { batches } = store;
      const one = batch(1);
      expect(await batches.create(one)).toBe(true);
      expect(await batches.create({ ...one, total: 5 })).toBe(false);
      expect(await batches.get(tenant, one.id)).toEqual(one);
      expect(await batches.get(`${tenant}x`, one.id)).toBeNull();
      const rivals = [7, 8, 9].map((total) => batches.update({ ...one, total, version: 2 }));
      expect((await Promise.all(rivals)).filter(Boolean)).toHaveLength(1);
      expect(await batches.update({ ...one, version: 2 })).toBe(false);
      expect((await batches.get(tenant, one.id))?.version).toBe(2);
      await batches.delete(tenant, one.id);
      expect(await batches.get(tenant, one.id)).toBeNull();
    });

    it('forgets what is deleted, so that nobody who had seen it brings it back', async () => {
      const { batches } = store;
      const one = batch(1);
      await batches.create(one);
      await batches.delete(tenant, one.id);
      expect(await batches.update({ ...one, version: 2 })).toBe(false);
      expect(await batches.get(tenant, one.id)).toBeNull();
      expect((await batches.open()).filter((ref) => ref.tenant === tenant)).toEqual([]);
      expect(await batches.create({ ...one, total: 5 })).toBe(true);
      expect((await batches.get(tenant, one.id))?.total).toBe(5);
    });

    it('lists newest first, page by page in both directions, one kind at a time', async () => {
      const { batches } = store;
      const all = [1, 2, 3, 4].map((index) => batch(index));
      for (const record of all) await batches.create(record);
      await batches.create(batch(5, { kind: 'anthropic', id: timeId('msgbatch_', START_MS, 'x') }));
      const ids = all.map(({ id }) => id);
      const page = { tenant, kind: 'openai' as const, limit: 2 };
      const first = await batches.list(page);
      expect([first.items.map(({ id }) => id), first.hasMore]).toEqual([[ids[3], ids[2]], true]);
      const second = await batches.list({ ...page, after: ids[2] ?? '' });
      expect([second.items.map(({ id }) => id), second.hasMore]).toEqual([[ids[1], ids[0]], false]);
      const back = await batches.list({ ...page, before: ids[0] ?? '' });
      expect([back.items.map(({ id }) => id), back.hasMore]).toEqual([[ids[2], ids[1]], true]);
      expect((await batches.list({ ...page, kind: 'anthropic' })).items).toHaveLength(1);
    });

    it('knows which have not ended, or whose end was not told', async () => {
      const { batches } = store;
      const all = [batch(1), batch(2), batch(3)] as const;
      const [told, untold, going] = all;
      for (const record of all) await batches.create(record);
      for (const record of [told, untold]) {
        await batches.update({ ...record, status: 'failed', version: 2 });
      }
      await batches.update({ ...told, status: 'failed', isTold: true, version: 3 });
      const open = (await batches.open()).filter((ref) => ref.tenant === tenant);
      expect(open.map(({ id }) => id)).toEqual([untold.id, going.id]);
    });
  });
}
