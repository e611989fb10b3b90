import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { type BatchRecord, NO_INSTANTS, NO_OPTIONS } from '../../../shared/domain/batches/batch.ts';
import { timeId } from '../../../shared/domain/time-id.ts';
import type { BatchStore } from '../../../shared/ports/batch-store.ts';
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

    const batch = (index: number, overrides: Partial<BatchRecord> = {}): BatchRecord => ({
      id: timeId('batch_', START_MS + index, systemRandom.id('').slice(0, 20)),
      tenant,
      kind: 'openai',
      inputFileId: 'file-1',
      input: [{ blob: 'b', bytes: 3 }],
      endpoint: '/v1/chat/completions',
      completionWindow: '24h',
      metadata: { ü: 'x' },
      options: { ...NO_OPTIONS, priority: 9 },
      monthlyBudgetMicroUsd: null,
      createdAtMs: START_MS + index,
      expiresAtMs: START_MS + 86_400_000,
      outputLifeMs: 1,
      status: 'validating',
      at: NO_INSTANTS,
      errors: [],
      warnings: [],
      progress: { phase: 'checking', number: 1, offset: 0, lines: 0, load: {}, digests: null },
      total: 0,
      refused: { count: 0, cancelled: 0, parts: [] },
      outputFileId: 'file-2',
      hasOutput: false,
      errorFileId: 'file-3',
      hasErrors: false,
      tally: null,
      outcome: null,
      isTold: false,
      lease: null,
      version: 1,
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
