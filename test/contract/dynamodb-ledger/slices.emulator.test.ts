import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RequestSpec } from '../../../shared/domain/requests/request.ts';
import { placedId } from '../../../shared/domain/requests/slice-plan.ts';
import type { SliceNotice } from '../../../shared/ports/request-queue.ts';
import { makeTable, type TestTable } from '../../support/dynamo-client.ts';
import { mortal } from '../../support/intercept-calls.ts';
import { type LedgerProcess, ledgerProcess } from '../../support/ledger-process.ts';
import { MemorySegments } from '../../support/memory-segments.ts';
import { outcomeOf, Scope, START_MS } from '../builders.ts';

let table: TestTable;
let ledger: LedgerProcess;
let scope: Scope;
const segments = new MemorySegments();

beforeAll(async () => {
  table = await makeTable();
});
beforeEach(() => {
  ledger = ledgerProcess({ table, segments, nowMs: START_MS });
  scope = new Scope({ ...ledger, close: async () => undefined });
});

const LEASE_MS = 60_000;

function inSlice(slice: string, count: number, overrides: Partial<RequestSpec> = {}) {
  return Array.from({ length: count }, (_, index) => {
    const place = { id: slice, index };
    return scope.spec({ id: placedId(place), slice: place, ...overrides });
  });
}

function noticeOf({ tenant, model, priority, id, slice }: RequestSpec): SliceNotice {
  return { tenant, model, priority, slice: slice?.id ?? id };
}

const take = (specs: readonly RequestSpec[], owner = 'one', nowMs = START_MS) =>
  ledger.work.take(specs.map(noticeOf), { owner, nowMs, expiresAtMs: nowMs + LEASE_MS });

const commit = (specs: readonly RequestSpec[]) =>
  ledger.work.commit(specs.map((spec) => outcomeOf(spec)));

/** Notices of this test's model. */
async function idle(nowMs: number, idleMs: number): Promise<SliceNotice[]> {
  const notices: SliceNotice[] = [];
  for await (const notice of ledger.work.idle(nowMs, idleMs)) {
    if (notice.model === scope.model) notices.push(notice);
  }
  return notices;
}

const kindsOf = (outcomes: readonly { readonly kind: string }[]) =>
  outcomes.map(({ kind }) => kind);

describe('take', () => {
  it('leases whole slices, once however often their notices come', async () => {
    const specs = [...inSlice('take.0', 3), ...inSlice('take.1', 2)];
    const single = scope.spec();
    await ledger.requests.accept(specs);
    await ledger.requests.accept([single]);
    const twice = await Promise.all([take([...specs, single], 'one'), take([...specs], 'two')]);
    const ids = twice.flat().map(({ id }) => id);
    expect(ids.toSorted()).toEqual([...specs, single].map(({ id }) => id).toSorted());
    expect(await take(specs, 'three')).toEqual([]);
  });

  it('grants nothing of a slice that is gone, foreign or ended, and that is no fault', async () => {
    const [spec] = await scope.accept({});
    if (!spec) return expect.unreachable();
    const notice = noticeOf(spec);
    const terms = { owner: 'one', nowMs: START_MS, expiresAtMs: START_MS + LEASE_MS };
    const foreign = { ...notice, tenant: 'another' };
    expect(await ledger.work.take([foreign, { ...notice, slice: 'none' }], terms)).toEqual([]);
    await commit([spec]);
    expect(await take([spec])).toEqual([]);
    expect(await ledger.work.take([], terms)).toEqual([]);
  });

  it('takes up what was deferred once it is due, and leaves the rest of the slice alone', async () => {
    const specs = inSlice('defer.0', 4);
    await ledger.requests.accept(specs);
    const held = await take(specs);
    await commit(held.slice(0, 1));
    await ledger.work.defer(
      held.slice(1, 3).map((request) => ({ ...request, notBeforeMs: START_MS + 500, attempts: 1 })),
    );
    expect(await take(specs, 'two', START_MS + 499)).toEqual([]);
    const again = await take(specs, 'two', START_MS + 500);
    expect(again.map(({ id, attempts, fence }) => [id, attempts, fence])).toEqual([
      ['defer.0.1', 1, 2],
      ['defer.0.2', 1, 2],
    ]);
  });

  it('lets a dead owner’s answers be adopted before its requests are granted anew', async () => {
    const specs = inSlice('adopt.0', 3);
    await ledger.requests.accept(specs);
    const held = await take(specs, 'dead');
    const lapsed: string[] = [];
    const heir = ledgerProcess({
      table,
      segments,
      nowMs: START_MS,
      onLapsed: async (owner) => {
        lapsed.push(owner);
        await heir.work.commit(held.slice(0, 2).map((request) => outcomeOf(request)));
      },
    });
    const nowMs = START_MS + LEASE_MS + 1;
    const terms = { owner: 'heir', nowMs, expiresAtMs: nowMs + LEASE_MS };
    const granted = await heir.work.take(specs.map(noticeOf), terms);
    expect(lapsed).toEqual(['dead']);
    expect(granted.map(({ id }) => id)).toEqual(['adopt.0.2']);
  });

  it('books a slice whose answers were all adopted, and grants nothing of it', async () => {
    const specs = inSlice('adopted.0', 2);
    await ledger.requests.accept(specs);
    const held = await take(specs, 'dead');
    const heir = ledgerProcess({
      table,
      segments,
      nowMs: START_MS,
      onLapsed: async () => {
        await heir.work.commit(held.map((request) => outcomeOf(request)));
      },
    });
    const nowMs = START_MS + LEASE_MS + 1;
    const terms = { model: scope.model, owner: 'heir', nowMs, expiresAtMs: nowMs + 1, limit: 9 };
    expect(await heir.work.lease(terms)).toEqual([]);
    const usage = await ledger.requests.usage({ tenant: scope.tenant, groupBy: [] });
    expect(usage).toMatchObject([{ requests: 2 }]);
  });
});

describe('idle', () => {
  it('names slices that wait untaken, those whose lease ran out, and no others', async () => {
    const [fresh, leased, ended] = [
      inSlice('fresh.0', 2),
      inSlice('leased.0', 2),
      inSlice('ended.0', 2),
    ];
    await ledger.requests.accept([...fresh, ...leased, ...ended]);
    await take(leased);
    await commit(await take(ended));
    const slices = async (nowMs: number) =>
      (await idle(nowMs, 5_000)).map(({ slice }) => slice).toSorted();
    expect(await slices(START_MS + 4_999)).toEqual([]);
    expect(await slices(START_MS + 5_000)).toEqual(['fresh.0']);
    expect(await slices(START_MS + LEASE_MS + 5_000)).toEqual(['fresh.0']);
    expect(await slices(START_MS + LEASE_MS + 5_001)).toEqual(['fresh.0', 'leased.0']);
    const [notice] = await idle(START_MS + 5_000, 5_000);
    expect(notice).toEqual(fresh[0] && noticeOf(fresh[0]));
  });

  it('does not ring for a slice of which only ended requests are due', async () => {
    const specs = inSlice('half.0', 2);
    await ledger.requests.accept(specs);
    const [one, two] = await take(specs);
    if (!one || !two) return expect.unreachable();
    await commit([one]);
    await ledger.work.extend([two], START_MS + 10 * LEASE_MS);
    expect(await idle(START_MS + 2 * LEASE_MS, 5_000)).toEqual([]);
  });
});

describe('repair', () => {
  it('opens what a dead acceptor left half accepted, with all of its requests', async () => {
    const keyed = inSlice('half.0', 4).map((spec, index) => ({ ...spec, id: `left-${index}` }));
    const death = mortal(2, 'after', ({ operation }) => operation === 'PutItem');
    const acceptor = ledgerProcess({
      table,
      segments,
      nowMs: START_MS,
      intercept: death.intercept,
    });
    void acceptor.requests.accept(keyed);
    await death.stopped;
    expect(await scope.lease('any', START_MS + LEASE_MS)).toEqual([]);
    expect(await ledger.work.repair(START_MS + LEASE_MS - 1)).toBe(0);
    expect(await ledger.work.repair(START_MS + LEASE_MS)).toBe(1);
    expect(await ledger.work.repair(START_MS + LEASE_MS)).toBe(0);
    const leased = await scope.lease('any', START_MS + LEASE_MS);
    expect(leased.map(({ id }) => id)).toEqual(keyed.map(({ id }) => id));
  });

  it('finds nothing to do where all is well', async () => {
    await ledger.requests.accept(inSlice('well.0', 3));
    expect(await ledger.work.repair(START_MS + LEASE_MS)).toBe(0);
  });
});

describe('a call sent again', () => {
  it('names the same requests, whatever became of them', async () => {
    const specs = [...inSlice('again.0', 3), ...inSlice('again.1', 1)];
    expect(kindsOf(await ledger.requests.accept(specs))).toEqual(specs.map(() => 'created'));
    const held = await take(specs);
    await commit(held.slice(0, 1));
    await commit(held.slice(3));
    const outcomes = await ledger.requests.accept(specs);
    expect(outcomes).toEqual(
      specs.map(({ id }, index) => ({
        kind: 'replayed',
        id,
        status: index === 0 || index === 3 ? 'succeeded' : 'running',
      })),
    );
    expect(await ledger.requests.counts(scope.tenant)).toMatchObject({ succeeded: 2, running: 2 });
  });

  it('is a conflict where it asks for something else, and accepts what it adds', async () => {
    const specs = inSlice('more.0', 2);
    await ledger.requests.accept(specs);
    const [first, second] = specs;
    if (!first || !second) return expect.unreachable();
    const changed = [
      first,
      { ...second, fingerprint: 'other' },
      ...inSlice('more.0', 3).slice(2),
      ...inSlice('more.1', 1),
    ];
    expect(kindsOf(await ledger.requests.accept(changed))).toEqual([
      'replayed',
      'conflict',
      'conflict',
      'created',
    ]);
  });
});

describe('a key', () => {
  it('is accepted once, alone or within a call, in either order', async () => {
    const alone = scope.spec({ id: 'key-alone' });
    await ledger.requests.accept([alone]);
    const slice = { id: 'keys.0', index: 0 };
    const within = [
      { ...alone, slice },
      scope.spec({ id: 'key-within', slice: { ...slice, index: 1 } }),
    ];
    expect(kindsOf(await ledger.requests.accept(within))).toEqual(['replayed', 'created']);
    const { slice: _, ...other } = within[1] ?? alone;
    expect(kindsOf(await ledger.requests.accept([other]))).toEqual(['replayed']);
    expect(kindsOf(await ledger.requests.accept([{ ...other, fingerprint: 'x' }]))).toEqual([
      'conflict',
    ]);
    expect(await ledger.requests.counts(scope.tenant)).toMatchObject({ queued: 2 });
    const { items } = await ledger.requests.list({ tenant: scope.tenant, limit: 10 });
    expect(items.map(({ id }) => id)).toEqual(['key-within', 'key-alone']);
    const backlog = await ledger.work.backlog();
    expect(backlog.find(({ model }) => model === scope.model)).toMatchObject({ requests: 2 });
    const leased = await scope.lease('any', START_MS);
    expect(leased.map(({ id }) => id).toSorted()).toEqual(['key-alone', 'key-within']);
    await commit(leased);
    const usage = await ledger.requests.usage({ tenant: scope.tenant, groupBy: [] });
    expect(usage).toMatchObject([{ requests: 2 }]);
  });

  it('opens no slice of which every key was accepted before', async () => {
    const keyed = inSlice('first.0', 2).map((spec, index) => ({ ...spec, id: `old-${index}` }));
    await ledger.requests.accept(keyed);
    const moved = keyed.map((spec, index) => ({ ...spec, slice: { id: 'second.0', index } }));
    expect(kindsOf(await ledger.requests.accept(moved))).toEqual(['replayed', 'replayed']);
    expect(await scope.lease('any', START_MS)).toHaveLength(2);
    expect(await ledger.requests.counts(scope.tenant)).toMatchObject({ running: 2, queued: 0 });
  });
});

describe('labels', () => {
  it('are booked in several transactions where they are many', async () => {
    const specs = inSlice('labels.0', 230).map((spec, index) => ({
      ...spec,
      tags: [`user-${index}`],
      batchId: `batch-${index % 3}`,
    }));
    await ledger.requests.accept(specs);
    await commit(await take(specs));
    const rows = await ledger.requests.usage({ tenant: scope.tenant, groupBy: ['tag'] });
    expect(rows).toHaveLength(230);
    expect(await ledger.requests.counts(scope.tenant, 'batch-1')).toMatchObject({ succeeded: 77 });
    expect((await ledger.work.backlog()).some(({ model }) => model === scope.model)).toBe(false);
  });

  it('and names may hold the characters that keys are made of', async () => {
    const spec = scope.spec({ tenant: 'a#S#b%23', batchId: 'x#U', model: `${scope.model}#1` });
    await ledger.requests.accept([spec]);
    const [held] = await take([spec]);
    expect(held).toMatchObject({ tenant: spec.tenant, id: spec.id });
    await commit([spec]);
    expect(await ledger.requests.counts(spec.tenant, 'x#U')).toMatchObject({ succeeded: 1 });
    expect(await ledger.requests.counts('a', 'x#U')).toMatchObject({ succeeded: 0 });
  });
});
