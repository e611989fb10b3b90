import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestSpec } from '../../../shared/domain/requests/request.ts';
import { type MakeStores, outcomeOf, Scope, START_MS, type StoresUnderTest } from '../builders.ts';

const NONE = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 };

/** What every RequestStore must do, whatever it keeps its rows in. Usage and lists: see beside. */
export function defineRequestStoreContract(name: string, makeStores: MakeStores): void {
  describe(`RequestStore on ${name}`, () => {
    let stores: StoresUnderTest;
    let scope: Scope;

    beforeEach(async () => {
      stores = await makeStores();
      scope = new Scope(stores);
    });
    afterEach(() => stores.close());

    describe('accept', () => {
      it('keeps every field as it was given', async () => {
        const full = scope.spec({
          customId: 'Zeile „1“ 🙂\u2028',
          batchId: 'batch_1',
          endpoint: '/v1/embeddings',
          lane: 'flex',
          priority: 0,
          tags: ['team-ä', 'nightly'],
          prefixKey: 'prefix',
          groupOrder: 12.5,
          body: { segment: 'bodies-000002.jsonl', offset: 5_000_000_000, length: 70_000 },
          deadlineAtMs: START_MS + 86_400_000,
        });
        const bare = scope.spec({ customId: null });
        expect(await stores.requests.accept([full, bare])).toEqual([
          { kind: 'created', id: full.id },
          { kind: 'created', id: bare.id },
        ]);
        const queued = { status: 'queued', attempts: 0, notBeforeMs: 0, outcome: null };
        expect(await stores.requests.get(scope.tenant, full.id)).toEqual({ ...full, ...queued });
        expect(await stores.requests.get(scope.tenant, bare.id)).toEqual({ ...bare, ...queued });
      });

      it('answers a repetition with what became of the first', async () => {
        const [spec] = await scope.accept({});
        if (!spec) return expect.unreachable();
        const again = { ...spec, customId: 'renamed', createdAtMs: START_MS + 99 };
        const replay = async () => (await stores.requests.accept([again]))[0];
        expect(await replay()).toEqual({ kind: 'replayed', id: spec.id, status: 'queued' });
        await scope.leaseOne('one', START_MS);
        expect(await replay()).toEqual({ kind: 'replayed', id: spec.id, status: 'running' });
        await stores.work.commit([outcomeOf(spec, { status: 'failed' })]);
        expect(await replay()).toEqual({ kind: 'replayed', id: spec.id, status: 'failed' });
        expect((await stores.requests.get(scope.tenant, spec.id))?.customId).toBe(spec.customId);
        expect(await stores.requests.counts(scope.tenant)).toEqual({ ...NONE, failed: 1 });
      });

      it('refuses the same key with another fingerprint and leaves the first alone', async () => {
        const [spec] = await scope.accept({});
        if (!spec) return expect.unreachable();
        const other = { ...spec, fingerprint: 'another', priority: 0 };
        expect(await stores.requests.accept([other])).toEqual([{ kind: 'conflict', id: spec.id }]);
        expect(await stores.requests.get(scope.tenant, spec.id)).toMatchObject({
          fingerprint: spec.fingerprint,
          priority: spec.priority,
        });
      });

      it('accepts a key once when it comes twice in one call', async () => {
        const one = scope.spec();
        const outcomes = await stores.requests.accept([one, one, { ...one, fingerprint: 'other' }]);
        expect(outcomes).toEqual([
          { kind: 'created', id: one.id },
          { kind: 'replayed', id: one.id, status: 'queued' },
          { kind: 'conflict', id: one.id },
        ]);
        expect(await scope.lease('one', START_MS)).toHaveLength(1);
      });

      it('accepts a key once when it comes in several calls at once', async () => {
        const specs = Array.from({ length: 20 }, () => scope.spec());
        const calls = await Promise.all([1, 2, 3].map(() => stores.requests.accept(specs)));
        const kinds = calls.flat().map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind === 'created')).toHaveLength(20);
        expect(kinds.filter((kind) => kind === 'replayed')).toHaveLength(40);
        expect(await stores.requests.counts(scope.tenant)).toEqual({ ...NONE, queued: 20 });
      });

      it('aligns outcomes with what was submitted, thousands at once', async () => {
        const [known] = await scope.accept({});
        if (!known) return expect.unreachable();
        const fresh = Array.from({ length: 2_300 }, () => scope.spec());
        const submitted = fresh.toSpliced(1_500, 0, known);
        const outcomes = await stores.requests.accept(submitted);
        expect(outcomes.map(({ id }) => id)).toEqual(submitted.map(({ id }) => id));
        expect(outcomes.findIndex(({ kind }) => kind === 'replayed')).toBe(1_500);
        expect(await stores.requests.counts(scope.tenant)).toEqual({ ...NONE, queued: 2_301 });
      });

      it('takes an empty list', async () => {
        expect(await stores.requests.accept([])).toEqual([]);
      });
    });

    it('keeps tenants apart: the same id is two requests, a foreign one is unknown', async () => {
      const other = new Scope(stores);
      const [own] = await scope.accept({ tags: ['shared'], batchId: 'batch' });
      if (!own) return expect.unreachable();
      const twin: RequestSpec = { ...own, tenant: other.tenant, fingerprint: 'other' };
      expect(await stores.requests.get(other.tenant, own.id)).toBeNull();
      await scope.leaseOne('one', START_MS);
      expect(await stores.requests.counts(other.tenant)).toEqual(NONE);
      expect(await stores.requests.accept([twin])).toEqual([{ kind: 'created', id: own.id }]);
      await stores.work.commit([outcomeOf(own)]);

      expect(await stores.requests.get(other.tenant, own.id)).toMatchObject({ status: 'queued' });
      expect(await stores.requests.counts(scope.tenant, 'batch')).toEqual({
        ...NONE,
        succeeded: 1,
      });
      expect(await stores.requests.counts(other.tenant, 'batch')).toEqual({ ...NONE, queued: 1 });
      const listed = await stores.requests.list({ tenant: other.tenant, tag: 'shared', limit: 9 });
      expect(listed.items.map(({ tenant }) => tenant)).toEqual([other.tenant]);
      expect(await stores.requests.usage({ tenant: other.tenant, groupBy: [] })).toEqual([]);
    });

    it('counts by status, of a tenant and of one batch', async () => {
      const specs = await scope.accept(
        ...Array.from({ length: 5 }, () => ({ batchId: 'batch' })),
        { batchId: 'other batch' },
        {},
      );
      expect(await stores.requests.counts(scope.tenant)).toEqual({ ...NONE, queued: 7 });
      await scope.lease('one', START_MS, 4);
      const statuses = ['succeeded', 'failed', 'cancelled'] as const;
      await stores.work.commit(
        statuses.flatMap((status, index) => {
          const spec = specs[index];
          return spec ? [outcomeOf(spec, { status })] : [];
        }),
      );
      const ended = { succeeded: 1, failed: 1, cancelled: 1, expired: 0 };
      expect(await stores.requests.counts(scope.tenant)).toEqual({
        ...ended,
        queued: 3,
        running: 1,
      });
      expect(await stores.requests.counts(scope.tenant, 'batch')).toEqual({
        ...ended,
        queued: 1,
        running: 1,
      });
      expect(await stores.requests.counts(scope.tenant, 'unknown batch')).toEqual(NONE);
    });
  });
}
