import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LANES } from '../../../shared/domain/lanes/lane.ts';
import type { UsageFilter, UsageRow } from '../../../shared/ports/request-store.ts';
import { type MakeStores, outcomeOf, Scope, START_MS, type StoresUnderTest } from '../builders.ts';

const DAY_MS = 86_400_000;

const sumOf = (rows: readonly UsageRow[], field: 'requests' | 'costMicroUsd' | 'outputTokens') =>
  rows.reduce((sum, row) => sum + row[field], 0);

/** What a RequestStore's usage must do. */
export function defineUsageContract(name: string, makeStores: MakeStores): void {
  describe(`RequestStore.usage on ${name}`, () => {
    let stores: StoresUnderTest;
    let scope: Scope;

    beforeEach(async () => {
      stores = await makeStores();
      scope = new Scope(stores);
    });
    afterEach(() => stores.close());

    const usage = (groupBy: UsageFilter['groupBy'], bounds: Partial<UsageFilter> = {}) =>
      stores.requests.usage({ tenant: scope.tenant, groupBy, ...bounds });

    it('sums what was published, once', async () => {
      const [one, two, open] = await scope.accept({}, {}, {});
      if (!one || !two || !open) return expect.unreachable();
      expect(await usage([])).toEqual([]);
      await stores.work.commit([outcomeOf(one), outcomeOf(two, { status: 'failed' })]);
      await stores.work.commit([outcomeOf(one, { costMicroUsd: 1_000 })]);
      expect(await usage([])).toEqual([
        {
          tag: null,
          model: null,
          day: null,
          lane: null,
          batch: null,
          requests: 2,
          succeeded: 1,
          failed: 1,
          inputTokens: 240,
          cachedInputTokens: 40,
          outputTokens: 60,
          costMicroUsd: 90,
        },
      ]);
    });

    it('groups by any set of labels, and a request counts under each of its tags', async () => {
      const specs = await scope.accept(
        { tags: ['a', 'b'], batchId: 'batch' },
        { tags: ['a'], model: `${scope.model}-2` },
        {},
      );
      const lanes = ['live', 'flex', 'native'] as const;
      await stores.work.commit(
        specs.map((spec, index) =>
          outcomeOf(spec, {
            lane: lanes[index] ?? 'live',
            finishedAtMs: START_MS + index * DAY_MS,
            costMicroUsd: 10 ** index,
          }),
        ),
      );
      const costs = async (by: UsageFilter['groupBy'][number]) =>
        Object.fromEntries((await usage([by])).map((row) => [String(row[by]), row.costMicroUsd]));
      expect(await costs('tag')).toEqual({ a: 11, b: 1, null: 100 });
      expect(await costs('model')).toEqual({ [scope.model]: 101, [`${scope.model}-2`]: 10 });
      expect(await costs('lane')).toEqual({ live: 1, flex: 10, native: 100 });
      expect(await costs('batch')).toEqual({ batch: 1, null: 110 });
      expect(await costs('day')).toEqual({ '2026-11-24': 1, '2026-11-25': 10, '2026-11-26': 100 });
      expect((await usage(['day', 'tag'])).map(({ day, tag }) => [day, tag])).toHaveLength(4);
    });

    it('takes what ended from one instant until before another', async () => {
      const specs = await scope.accept({}, {}, {});
      await stores.work.commit(
        specs.map((spec, index) => outcomeOf(spec, { finishedAtMs: START_MS + index * DAY_MS })),
      );
      const requests = async (bounds: Partial<UsageFilter>) =>
        sumOf(await usage([], bounds), 'requests');
      expect(await requests({ fromMs: START_MS + DAY_MS })).toBe(2);
      expect(await requests({ toMs: START_MS + DAY_MS })).toBe(1);
      expect(await requests({ fromMs: START_MS + DAY_MS, toMs: START_MS + 2 * DAY_MS })).toBe(1);
      expect(await requests({ fromMs: START_MS + 9 * DAY_MS })).toBe(0);
    });

    it('adds up to the counts and to the bills, however it is grouped', async () => {
      const entry = fc.record({
        model: fc.constantFrom(scope.model, `${scope.model}-2`),
        batchId: fc.option(fc.constantFrom('x', 'y')),
        lane: fc.constantFrom(...LANES),
        status: fc.constantFrom('succeeded', 'failed', 'cancelled', 'expired'),
        costMicroUsd: fc.nat({ max: 1_000 }),
        finishedAtMs: fc.integer({ min: START_MS, max: START_MS + 3 * DAY_MS }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(entry, { maxLength: 40 }), async (entries) => {
          scope = new Scope(stores);
          const specs = await scope.accept(
            ...entries.map(({ model, batchId }) => ({ model, batchId })),
          );
          await stores.work.commit(
            specs.map((spec, index) => {
              const { lane, status, costMicroUsd, finishedAtMs } = entries[index] ?? {};
              return outcomeOf(spec, {
                ...(lane && { lane }),
                ...(status && { status }),
                ...(costMicroUsd !== undefined && { costMicroUsd }),
                ...(finishedAtMs !== undefined && { finishedAtMs }),
              });
            }),
          );
          const { queued, running, ...ended } = await stores.requests.counts(scope.tenant);
          expect(queued + running).toBe(0);
          const bill = entries.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0);
          for (const groupBy of [[], ['model'], ['day', 'lane'], ['batch', 'model']] as const) {
            const rows = await usage(groupBy);
            expect(sumOf(rows, 'costMicroUsd')).toBe(bill);
            expect(sumOf(rows, 'outputTokens')).toBe(30 * entries.length);
            expect(sumOf(rows, 'requests')).toBe(entries.length);
            expect(rows.reduce((sum, { succeeded }) => sum + succeeded, 0)).toBe(ended.succeeded);
            expect(rows.reduce((sum, { failed }) => sum + failed, 0)).toBe(ended.failed);
          }
        }),
        { numRuns: 40 },
      );
    });
  });
}
