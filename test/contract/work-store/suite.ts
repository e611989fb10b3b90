import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MakeStores, outcomeOf, Scope, START_MS, type StoresUnderTest } from '../builders.ts';
import { defineRoutes } from './routes.ts';

/** What every WorkStore must do, whatever it keeps its rows in. */
export function defineWorkStoreContract(name: string, makeStores: MakeStores): void {
  describe(`WorkStore on ${name}`, () => {
    let stores: StoresUnderTest;
    let scope: Scope;

    beforeEach(async () => {
      stores = await makeStores();
      scope = new Scope(stores);
    });
    afterEach(() => stores.close());

    describe('lease', () => {
      it('grants by priority, then prefix group, then acceptance', async () => {
        const specs = await scope.accept(
          { customId: 'e', priority: 9 },
          { customId: 'c', groupOrder: 2 },
          { customId: 'b', groupOrder: 1 },
          { customId: 'd', groupOrder: 2 },
          { customId: 'a', priority: 0, groupOrder: 7 },
        );
        const leased = await scope.lease('one', START_MS);
        expect(leased.map(({ customId }) => customId)).toEqual(['a', 'b', 'c', 'd', 'e']);
        const { attempts, fence, firstAttemptAtMs, ...spec } = leased[0] ?? {};
        expect(spec).toEqual(specs[4]);
        expect({ attempts, firstAttemptAtMs }).toEqual({ attempts: 0, firstAttemptAtMs: null });
        expect(fence).toBeGreaterThan(0);
      });

      it('grants no more than the limit, and nothing of another model', async () => {
        await scope.accept({}, {}, {}, { model: `${scope.model}-other` });
        expect(await scope.lease('one', START_MS, 2)).toHaveLength(2);
        expect(await scope.lease('one', START_MS, 2)).toHaveLength(1);
        expect(await scope.lease('one', START_MS, 2)).toHaveLength(0);
      });

      it('grants each request to one of several owners that lease at once', async () => {
        const specs = await scope.accept(...Array.from({ length: 60 }, () => ({})));
        const grants = await Promise.all(
          ['one', 'two', 'three'].map((owner) => scope.lease(owner, START_MS, 25)),
        );
        const ids = grants.flat().map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.toSorted()).toEqual(specs.map(({ id }) => id).toSorted());
      });

      it('grants again only after the lease ran out, with a larger fence', async () => {
        await scope.accept({});
        const [first] = await scope.lease('one', START_MS, 1, START_MS + 1_000);
        expect(await scope.lease('two', START_MS + 1_000)).toEqual([]);
        const [second] = await scope.lease('two', START_MS + 1_001);
        expect(second?.id).toBe(first?.id);
        expect(second?.fence).toBeGreaterThan(first?.fence ?? Number.POSITIVE_INFINITY);
      });

      it('shows a leased request as running and a lapsed one as leasable', async () => {
        const [spec] = await scope.accept({});
        await scope.lease('one', START_MS, 1, START_MS + 1_000);
        expect(await scope.statusOf(spec?.id ?? '')).toBe('running');
        const [backlog] = (await stores.work.backlog()).filter((row) => row.model === scope.model);
        expect(backlog?.nextDueAtMs).toBe(START_MS + 1_001);
      });

      it('grants more than a thousand in one call, in order', async () => {
        const specs = await scope.accept(...Array.from({ length: 1_250 }, () => ({})));
        const leased = await scope.lease('one', START_MS, 1_200);
        expect(leased.map(({ id }) => id)).toEqual(specs.slice(0, 1_200).map(({ id }) => id));
      });
    });

    describe('extend and defer', () => {
      it('extends a lease', async () => {
        await scope.accept({});
        const held = await scope.leaseOne('one', START_MS);
        await stores.work.extend([held], START_MS + 300_000);
        expect(await scope.lease('two', START_MS + 300_000)).toEqual([]);
        expect(await scope.lease('two', START_MS + 300_001)).toHaveLength(1);
      });

      it('hands a request back, to be leased no sooner than told, with its attempts', async () => {
        const [spec] = await scope.accept({});
        const held = await scope.leaseOne('one', START_MS);
        await stores.work.defer([
          { ...held, notBeforeMs: START_MS + 5_000, attempts: 2, firstAttemptAtMs: START_MS + 7 },
        ]);
        expect(await stores.requests.get(scope.tenant, spec?.id ?? '')).toMatchObject({
          status: 'queued',
          notBeforeMs: START_MS + 5_000,
          attempts: 2,
        });
        expect(await scope.lease('two', START_MS + 4_999)).toEqual([]);
        expect(await scope.leaseOne('two', START_MS + 5_000)).toMatchObject({
          id: spec?.id,
          attempts: 2,
          firstAttemptAtMs: START_MS + 7,
        });
      });

      it('serves what was deferred in its old place', async () => {
        const [first] = await scope.accept({ customId: 'first' }, { customId: 'second' });
        const held = await scope.leaseOne('one', START_MS);
        const handBack = { ...held, notBeforeMs: START_MS + 10, attempts: 0 };
        await stores.work.defer([{ ...handBack, firstAttemptAtMs: null }]);
        expect((await scope.leaseOne('one', START_MS + 10)).id).toBe(first?.id);
      });

      it('is void with a stale fence', async () => {
        await scope.accept({});
        const stale = await scope.leaseOne('one', START_MS);
        const current = await scope.leaseOne('two', START_MS + 60_001);
        await stores.work.extend([stale], START_MS + 900_000);
        await stores.work.defer([
          { ...stale, notBeforeMs: 0, attempts: 9, firstAttemptAtMs: START_MS },
        ]);
        expect(await scope.lease('three', START_MS + 60_002)).toEqual([]);
        const next = await scope.leaseOne('three', START_MS + 120_002);
        expect(next).toMatchObject({ id: current.id, attempts: 0 });
        expect(next.fence).toBeGreaterThan(current.fence);
      });

      it('is void for another tenant with the same id', async () => {
        await scope.accept({});
        const held = await scope.leaseOne('one', START_MS);
        const foreign = { ...held, tenant: `${scope.tenant}-other` };
        await stores.work.defer([{ ...foreign, notBeforeMs: 0, attempts: 1 }]);
        await stores.work.extend([foreign], START_MS);
        expect(await scope.lease('two', START_MS + 60_000)).toEqual([]);
      });
    });

    describe('commit', () => {
      it('publishes once; what comes later changes nothing', async () => {
        const [spec] = await scope.accept({});
        if (!spec) return expect.unreachable();
        await scope.leaseOne('one', START_MS);
        const first = outcomeOf(spec, { costMicroUsd: 10 });
        expect(await stores.work.commit([first])).toEqual([true]);
        const late = outcomeOf(spec, { status: 'failed', costMicroUsd: 99 });
        expect(await stores.work.commit([late])).toEqual([false]);
        expect(await stores.requests.get(scope.tenant, spec.id)).toMatchObject({
          status: 'succeeded',
          attempts: 1,
          outcome: first,
        });
      });

      it('publishes one of two in the same call, and of two calls at once', async () => {
        const [twice, raced] = await scope.accept({}, {});
        if (!twice || !raced) return expect.unreachable();
        expect(await stores.work.commit([outcomeOf(twice), outcomeOf(twice)])).toEqual([
          true,
          false,
        ]);
        const flags = await Promise.all(
          [1, 2, 3].map(() => stores.work.commit([outcomeOf(raced)])),
        );
        expect(flags.flat().filter(Boolean)).toHaveLength(1);
      });

      it('drops the result of a zombie that wakes after another owner published', async () => {
        await scope.accept({});
        const zombie = await scope.leaseOne('one', START_MS);
        const heir = await scope.leaseOne('two', START_MS + 60_001);
        expect(await stores.work.commit([outcomeOf(heir, { provider: 'heir' })])).toEqual([true]);
        expect(await stores.work.commit([outcomeOf(zombie, { provider: 'zombie' })])).toEqual([
          false,
        ]);
        const view = await stores.requests.get(scope.tenant, heir.id);
        expect(view?.outcome?.provider).toBe('heir');
      });

      it('keeps a paid answer that comes late but first, and tells the heir', async () => {
        await scope.accept({});
        const late = await scope.leaseOne('one', START_MS);
        const heir = await scope.leaseOne('two', START_MS + 60_001);
        expect(await stores.work.commit([outcomeOf(late)])).toEqual([true]);
        expect(await stores.work.withdrawn([heir])).toEqual([heir.id]);
        expect(await stores.work.commit([outcomeOf(heir)])).toEqual([false]);
      });

      it('publishes for a request that nobody holds', async () => {
        const [spec] = await scope.accept({});
        if (!spec) return expect.unreachable();
        expect(await stores.work.commit([outcomeOf(spec)])).toEqual([true]);
        expect(await scope.lease('one', START_MS)).toEqual([]);
      });

      it('knows no request of another tenant, and none that was never accepted', async () => {
        const [spec] = await scope.accept({});
        if (!spec) return expect.unreachable();
        const foreign = outcomeOf({ id: spec.id, tenant: `${scope.tenant}-other` });
        const unknown = outcomeOf({ id: 'req_unknown', tenant: scope.tenant });
        expect(await stores.work.commit([foreign, unknown])).toEqual([false, false]);
        expect(await scope.statusOf(spec.id)).toBe('queued');
      });

      it('ends a request for good: it is neither leased, deferred nor extended again', async () => {
        await scope.accept({});
        const held = await scope.leaseOne('one', START_MS);
        await stores.work.commit([outcomeOf(held, { status: 'expired', statusCode: 0 })]);
        await stores.work.defer([{ ...held, notBeforeMs: 0, attempts: 3 }]);
        await stores.work.extend([held], START_MS + 1);
        expect(await scope.lease('two', START_MS + 900_000)).toEqual([]);
        expect(await scope.statusOf(held.id)).toBe('expired');
      });
    });

    defineRoutes(() => scope);

    it('tells an owner which of its requests were cancelled meanwhile', async () => {
      await scope.accept({}, {}, {});
      const held = await scope.lease('one', START_MS);
      const [, cancelled] = held;
      if (!cancelled) return expect.unreachable();
      expect(await stores.work.withdrawn(held)).toEqual([]);
      await stores.work.commit([outcomeOf(cancelled, { status: 'cancelled', statusCode: 0 })]);
      expect(await stores.work.withdrawn(held)).toEqual([cancelled.id]);
    });

    it('sums up what waits per model, and when something is due', async () => {
      const backlog = async () =>
        (await stores.work.backlog()).filter(({ model }) => model === scope.model);
      expect(await backlog()).toEqual([]);
      await scope.accept({ inputTokens: 10, maxOutputTokens: 3 }, { inputTokens: 5 });
      const [ready] = await backlog();
      expect(ready).toMatchObject({ requests: 2, inputTokens: 15, maxOutputTokens: 53 });
      expect(ready?.nextDueAtMs).toBeLessThanOrEqual(START_MS);

      const [one, two] = await scope.lease('one', START_MS);
      if (!one || !two) return expect.unreachable();
      await stores.work.defer([
        { ...one, notBeforeMs: START_MS + 4_000, attempts: 1, firstAttemptAtMs: START_MS },
      ]);
      expect(await backlog()).toMatchObject([{ requests: 2, nextDueAtMs: START_MS + 4_000 }]);

      await stores.work.commit([outcomeOf(one)]);
      expect(await backlog()).toMatchObject([{ requests: 1, inputTokens: 5 }]);
      await stores.work.commit([outcomeOf(two)]);
      expect(await backlog()).toEqual([]);
    });

    it('takes empty lists', async () => {
      expect(await stores.work.commit([])).toEqual([]);
      expect(await stores.work.withdrawn([])).toEqual([]);
      await expect(stores.work.defer([])).resolves.toBeUndefined();
      expect(await stores.work.extend([], START_MS)).toEqual([]);
    });
  });
}
