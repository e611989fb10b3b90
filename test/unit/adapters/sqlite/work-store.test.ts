import { afterEach, beforeEach, expect, it } from 'vitest';
import { outcomeOf, Scope, START_MS } from '../../../contract/builders.ts';
import { makeMemoryStores, type SqliteUnderTest } from '../../../contract/sqlite-stores.ts';

let stores: SqliteUnderTest;
let scope: Scope;

beforeEach(async () => {
  stores = await makeMemoryStores();
  scope = new Scope(stores);
});
afterEach(() => stores.close());

it('voids the leases of dead owners at once, and no others', async () => {
  await scope.accept(...Array.from({ length: 1_203 }, () => ({})));
  const own = await scope.lease('alive', START_MS, 2);
  const [held] = await scope.lease('dead', START_MS, 1_200);
  const deferred = await scope.leaseOne('dead', START_MS);
  await stores.work.defer([
    { ...deferred, notBeforeMs: START_MS + 9, attempts: 1, firstAttemptAtMs: START_MS },
  ]);
  expect(await stores.work.releaseOwnersExcept('alive')).toBe(1_200);
  expect(await stores.requests.counts(scope.tenant)).toMatchObject({ queued: 1_201, running: 2 });
  const again = await scope.lease('alive', START_MS + 1, 2_000);
  expect(again).toHaveLength(1_200);
  expect(again[0]).toMatchObject({ id: held?.id, fence: (held?.fence ?? 0) + 1 });
  expect(again.map(({ id }) => id)).not.toContain(own[0]?.id);
});

it('numbers publications without a gap, so that an exporter can go on where it stopped', async () => {
  const specs = await scope.accept({ batchId: 'batch' }, {}, {});
  const [one, two, three] = specs;
  if (!one || !two || !three) return expect.unreachable();
  const at = (offset: number) => ({ segment: 'results-000001.jsonl', offset, length: 9 });
  await stores.work.commit([outcomeOf(two, { result: at(0) }), outcomeOf(two, { result: at(10) })]);
  await stores.work.commit([
    outcomeOf(one, { result: at(20), status: 'failed' }),
    outcomeOf(three, { result: at(30) }),
  ]);
  const [first, ...rest] = await stores.work.publishedAfter(0, 2);
  expect(first).toEqual({
    commitSeq: 1,
    tenant: scope.tenant,
    id: two.id,
    customId: two.customId,
    batchId: null,
    status: 'succeeded',
    result: at(0),
  });
  expect(rest).toMatchObject([{ commitSeq: 2, id: one.id, batchId: 'batch', status: 'failed' }]);
  expect(await stores.work.publishedAfter(2, 100)).toMatchObject([{ commitSeq: 3, id: three.id }]);
  expect(await stores.work.publishedAfter(3, 100)).toEqual([]);
});
