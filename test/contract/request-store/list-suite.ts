import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestStatus, RequestView } from '../../../shared/domain/requests/request.ts';
import type { ListFilter } from '../../../shared/ports/request-store.ts';
import { type MakeStores, outcomeOf, Scope, START_MS, type StoresUnderTest } from '../builders.ts';

const ENDED = ['succeeded', 'failed', 'cancelled', 'expired'] as const;

/** What a RequestStore's list must do. */
export function defineRequestListContract(name: string, makeStores: MakeStores): void {
  describe(`RequestStore.list on ${name}`, () => {
    let stores: StoresUnderTest;
    let scope: Scope;

    beforeEach(async () => {
      stores = await makeStores();
      scope = new Scope(stores);
    });
    afterEach(() => stores.close());

    async function allPages(filter: Omit<ListFilter, 'tenant' | 'after'>): Promise<RequestView[]> {
      const items: RequestView[] = [];
      for (;;) {
        const last = items.at(-1);
        const page = await stores.requests.list({
          tenant: scope.tenant,
          ...filter,
          ...(last ? { after: last.id } : {}),
        });
        expect(page.items.length).toBeLessThanOrEqual(filter.limit);
        items.push(...page.items);
        if (!page.hasMore) return items;
        expect(page.items).toHaveLength(filter.limit);
      }
    }

    it('walks newest first, each request once, to the end', async () => {
      const specs = await scope.accept(...Array.from({ length: 7 }, () => ({})));
      const newestFirst = specs.map(({ id }) => id).toReversed();
      for (const limit of [1, 3, 7, 100]) {
        expect((await allPages({ limit })).map(({ id }) => id)).toEqual(newestFirst);
      }
    });

    it('stays where it was when requests arrive and end between pages', async () => {
      const specs = await scope.accept(...Array.from({ length: 6 }, () => ({})));
      const ids = specs.map(({ id }) => id).toReversed();
      const first = await stores.requests.list({ tenant: scope.tenant, limit: 3 });
      await scope.accept({}, {});
      await stores.work.commit(specs.slice(0, 4).map((spec) => outcomeOf(spec)));
      const after = first.items.at(-1)?.id ?? '';
      const second = await stores.requests.list({ tenant: scope.tenant, limit: 3, after });
      expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
      expect(second.hasMore).toBe(false);
    });

    it('shows a request whole', async () => {
      const [spec] = await scope.accept({ tags: ['a', 'b'] });
      if (!spec) return expect.unreachable();
      const outcome = outcomeOf(spec, { status: 'failed', errorCode: 'content_filtered' });
      await stores.work.commit([outcome]);
      const { items } = await stores.requests.list({ tenant: scope.tenant, limit: 1 });
      expect(items).toEqual([{ ...spec, status: 'failed', attempts: 1, notBeforeMs: 0, outcome }]);
      expect(items[0]).toEqual(await stores.requests.get(scope.tenant, spec.id));
    });

    it('reads what a batch has answered page by page, each request once', async () => {
      const batchId = `batch of ${scope.tenant}`;
      const specs = await scope.accept(...Array.from({ length: 7 }, () => ({ batchId })), {});
      await stores.work.commit(specs.filter((_, at) => at !== 2).map((spec) => outcomeOf(spec)));
      const ended = specs.filter((spec, at) => at !== 2 && spec.batchId !== null);
      for (const limit of [1, 2, 3, 6, 100]) {
        const seen: string[] = [];
        let after: string | null = null;
        do {
          const filter = { tenant: scope.tenant, batchId, after, limit };
          const { items, next } = await stores.requests.published(filter);
          expect(items.length).toBeLessThanOrEqual(limit);
          seen.push(...items.map(({ id }) => id));
          after = next;
        } while (after !== null);
        expect(seen.toSorted()).toEqual(ended.map(({ id }) => id).toSorted());
      }
    });

    it('refuses a cursor that names no request of the tenant', async () => {
      const [foreign] = await new Scope(stores).accept({});
      await scope.accept({});
      for (const after of ['req_unknown', foreign?.id ?? '']) {
        await expect(
          stores.requests.list({ tenant: scope.tenant, limit: 1, after }),
        ).rejects.toMatchObject({ code: 'invalid_request' });
      }
    });

    it('finds what any filter asks for, in pages of any size', async () => {
      const tags = ['red', 'green', 'blue'];
      const batches = ['first', 'second'];
      const models = [scope.model, `${scope.model}-large`];
      const requestArbitrary = fc.record({
        tags: fc.subarray(tags),
        batchId: fc.option(fc.constantFrom(...batches)),
        model: fc.constantFrom(...models),
        end: fc.option(fc.constantFrom(...ENDED)),
      });
      const samples = fc.sample(requestArbitrary, { numRuns: 120, seed: 11 });
      const specs = await scope.accept(...samples.map(({ end, ...spec }) => spec));
      await stores.work.commit(
        specs.flatMap((spec, index) => {
          const end = samples[index]?.end;
          return end ? [outcomeOf(spec, { status: end })] : [];
        }),
      );
      const held = new Set((await scope.lease('one', START_MS, 10)).map(({ id }) => id));
      const all = specs.map((spec, index) => ({
        ...spec,
        status: samples[index]?.end ?? (held.has(spec.id) ? 'running' : 'queued'),
      }));

      // Requests of one call may stand in any order among themselves, so long as it stays the same.
      const order = (await allPages({ limit: 100 })).map(({ id }) => id);
      expect(order.toSorted()).toEqual(specs.map(({ id }) => id).toSorted());
      const listedOrder = all.toSorted(
        (one, other) => order.indexOf(one.id) - order.indexOf(other.id),
      );

      const optional = <Value>(...values: Value[]) =>
        fc.option(fc.constantFrom(...values), { nil: undefined });
      await fc.assert(
        fc.asyncProperty(
          optional(...tags, 'unknown'),
          optional<RequestStatus>('queued', 'running', ...ENDED),
          optional(...batches, 'unknown'),
          optional(...models, 'unknown'),
          fc.integer({ min: 1, max: 50 }),
          async (tag, status, batchId, model, limit) => {
            const expected = listedOrder.filter(
              (request) =>
                (tag === undefined || request.tags.includes(tag)) &&
                (status === undefined || request.status === status) &&
                (batchId === undefined || request.batchId === batchId) &&
                (model === undefined || request.model === model),
            );
            const listed = await allPages({
              limit,
              ...(tag === undefined ? {} : { tag }),
              ...(status === undefined ? {} : { status }),
              ...(batchId === undefined ? {} : { batchId }),
              ...(model === undefined ? {} : { model }),
            });
            expect(listed.map(({ id, status: shown }) => [id, shown])).toEqual(
              expected.map(({ id, status: real }) => [id, real]),
            );
          },
        ),
        { numRuns: 80 },
      );
    });
  });
}
