import { describe, expect, it } from 'vitest';
import { outcomeOf, type Scope, START_MS } from '../builders.ts';

/** What a WorkStore promises of its two queues. */
export function defineRoutes(scopeOf: () => Scope): void {
  describe('routes', () => {
    const lease = (route: 'sync' | 'native', nowMs = START_MS, owner = 'builder') => {
      const { stores, model } = scopeOf();
      const terms = { owner, nowMs, expiresAtMs: nowMs + 60_000, limit: 100 };
      return stores.work.lease({ model, route, ...terms });
    };
    const backlog = async () => {
      const { stores, model } = scopeOf();
      const rows = (await stores.work.backlog()).filter((row) => row.model === model);
      return Object.fromEntries(rows.map(({ route, requests }) => [route, requests]));
    };

    it('grants each queue its own, and says in a lease which it was', async () => {
      await scopeOf().accept({ customId: 'live' });
      await scopeOf().accept({ customId: 'batched', route: 'native' });
      expect(await backlog()).toEqual({ sync: 1, native: 1 });
      expect(await scopeOf().lease('worker', START_MS)).toMatchObject([{ customId: 'live' }]);
      const [batched] = await lease('native');
      expect(batched).toMatchObject({ customId: 'batched', route: 'native' });
      expect(await lease('sync')).toEqual([]);
    });

    it('grants from a priority on', async () => {
      const { stores, model } = scopeOf();
      await scopeOf().accept(
        { customId: 'urgent', priority: 0 },
        { customId: 'bulk', priority: 9 },
      );
      await scopeOf().accept({ customId: 'plain', priority: 5 });
      const terms = { owner: 'o', nowMs: START_MS, expiresAtMs: START_MS + 60_000, limit: 100 };
      const leased = await stores.work.lease({ model, ...terms, fromPriority: 5 });
      expect(leased.map(({ customId }) => customId)).toEqual(['plain', 'bulk']);
      expect(await scopeOf().lease('worker', START_MS)).toMatchObject([{ customId: 'urgent' }]);
    });

    it('moves what is handed back with a route, and leaves the rest where it was', async () => {
      const { stores } = scopeOf();
      await scopeOf().accept({ route: 'native' }, { route: 'native' });
      const [moved, kept] = await lease('native');
      if (!moved || !kept) return expect.unreachable();
      const again = { notBeforeMs: START_MS, attempts: 1, firstAttemptAtMs: START_MS };
      await stores.work.defer([
        { ...leased(moved), ...again, route: 'sync' },
        { ...leased(kept), ...again },
      ]);
      expect(await backlog()).toEqual({ sync: 1, native: 1 });
      expect(await lease('sync')).toMatchObject([{ id: moved.id, attempts: 1 }]);
      expect(await lease('native')).toMatchObject([{ id: kept.id, attempts: 1 }]);
      await stores.work.commit([outcomeOf(moved), outcomeOf(kept)]);
      expect(await backlog()).toEqual({});
    });

    it('moves nothing for one whose fence is stale', async () => {
      const { stores } = scopeOf();
      await scopeOf().accept({ route: 'native' });
      const [stale] = await lease('native');
      if (!stale) return expect.unreachable();
      await lease('native', START_MS + 60_001, 'other');
      const again = { notBeforeMs: 0, attempts: 9, firstAttemptAtMs: null };
      await stores.work.defer([{ ...leased(stale), ...again, route: 'sync' }]);
      expect(await backlog()).toEqual({ native: 1 });
      expect(await lease('sync', START_MS + 90_000)).toEqual([]);
    });

    it('says which leases an owner still holds', async () => {
      const { stores } = scopeOf();
      await scopeOf().accept({ route: 'native' }, { route: 'native' }, { route: 'native' });
      const [held, returned, taken] = await lease('native');
      if (!held || !returned || !taken) return expect.unreachable();
      await stores.work.defer([
        { ...leased(returned), notBeforeMs: START_MS, attempts: 0, firstAttemptAtMs: null },
      ]);
      await stores.work.extend([held], START_MS + 900_000);
      expect(await lease('native', START_MS + 60_001, 'other')).toHaveLength(2);
      const refs = [held, returned, taken];
      expect(await stores.work.extend(refs, START_MS + 900_000)).toEqual([held.id]);
      expect(await lease('native', START_MS + 900_000, 'late')).toHaveLength(2);
    });
  });
}

/** Without the route it was leased from. */
function leased<Spec extends { readonly route?: unknown }>({ route: _, ...spec }: Spec) {
  return spec;
}
