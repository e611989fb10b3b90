import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { RequestSpec } from '../../../shared/domain/requests/request.ts';
import { placedId } from '../../../shared/domain/requests/slice-plan.ts';
import { makeTable, type TestTable } from '../../support/dynamo-client.ts';
import { loseAnswers, type OutgoingCall, throttle } from '../../support/intercept-calls.ts';
import { ledgerProcess } from '../../support/ledger-process.ts';
import { MemorySegments } from '../../support/memory-segments.ts';
import { outcomeOf, Scope, START_MS } from '../builders.ts';

let table: TestTable;
let scope: Scope;
const segments = new MemorySegments();

beforeAll(async () => {
  table = await makeTable();
});
beforeEach(() => {
  scope = new Scope({ ...ledgerProcess({ table, segments, nowMs: START_MS }), close });
});

const close = async () => undefined;
const TERMS = { owner: 'worker', nowMs: START_MS, expiresAtMs: START_MS + 60_000 };

/** A ledger whose writes take effect at their first try and are not answered before the second. */
function forgetful(operations: readonly string[], maxAttempts: number) {
  const tried = new Set<string>();
  const lost: string[] = [];
  const isLost = ({ operation, input }: OutgoingCall) => {
    // No two writes are alike: each carries a name of its own.
    const write = JSON.stringify(input);
    const isFirst = !tried.has(write);
    tried.add(write);
    if (!isFirst || !operations.includes(operation)) return false;
    lost.push(operation);
    return true;
  };
  return {
    lost,
    ...ledgerProcess({
      table,
      segments,
      nowMs: START_MS,
      intercept: loseAnswers(isLost),
      maxAttempts,
    }),
  };
}

function inSlice(slice: string, count: number, overrides: Partial<RequestSpec> = {}) {
  return Array.from({ length: count }, (_, index) => {
    const place = { id: slice, index };
    return scope.spec({ id: placedId(place), slice: place, ...overrides });
  });
}

const noticeOf = ({ tenant, model, priority, id, slice }: RequestSpec) => ({
  tenant,
  model,
  priority,
  slice: slice?.id ?? id,
});

describe.each([
  ['the ledger', 1],
  ['the client', 3],
])('a write that took effect and whose answer was lost, sent again by %s,', (_, attempts) => {
  it('is known as our own: a single request is created, leased and published', async () => {
    const { requests, work, lost } = forgetful(
      ['PutItem', 'UpdateItem', 'TransactWriteItems'],
      attempts,
    );
    const spec = scope.spec();
    expect(await requests.accept([spec])).toEqual([{ kind: 'created', id: spec.id }]);
    const leased = await work.take([noticeOf(spec)], TERMS);
    expect(leased.map(({ id, fence }) => [id, fence])).toEqual([[spec.id, 1]]);
    expect(await work.commit([outcomeOf(spec)])).toEqual([true]);
    expect(await work.commit([outcomeOf(spec)])).toEqual([false]);
    expect(await requests.usage({ tenant: scope.tenant, groupBy: [] })).toMatchObject([
      { requests: 1, costMicroUsd: 45 },
    ]);
    expect(lost).toEqual(['PutItem', 'PutItem', 'PutItem', 'UpdateItem', 'TransactWriteItems']);
  });

  it('is known as our own: slices are created, leased, published and booked', async () => {
    const { requests, work } = forgetful(['PutItem', 'UpdateItem', 'TransactWriteItems'], attempts);
    const specs = [...inSlice('call.0', 3), ...inSlice('call.1', 2, { batchId: 'batch' })];
    const outcomes = await requests.accept(specs);
    expect(outcomes.map(({ kind }) => kind)).toEqual(specs.map(() => 'created'));
    const leased = await work.take(specs.map(noticeOf), TERMS);
    expect(leased).toHaveLength(5);
    const flags = await work.commit(leased.map((request) => outcomeOf(request)));
    expect(flags).toEqual(specs.map(() => true));
    expect(await requests.usage({ tenant: scope.tenant, groupBy: [] })).toMatchObject([
      { requests: 5, costMicroUsd: 225 },
    ]);
    expect(await requests.counts(scope.tenant, 'batch')).toMatchObject({ succeeded: 2 });
  });

  it('is known as our own where a transaction is refused under its very name', async () => {
    // A token that DynamoDB no longer knows: the transaction runs again, and meets itself.
    const { requests, work, client } = forgetful(['TransactWriteItems'], attempts);
    let refused = 0;
    client.middlewareStack.add(
      (next) => async (args) => {
        const request = args.request as { body: Uint8Array };
        // Of the same length, which stands in a header.
        const fresh = `"ClientRequestToken":"${systemRandom.id('')}"`;
        const body = new TextDecoder().decode(request.body);
        request.body = Buffer.from(body.replace(/"ClientRequestToken":"[^"]*"/, fresh));
        try {
          return await next(args);
        } catch (error) {
          if (error instanceof TransactionCanceledException) refused += 1;
          throw error;
        }
      },
      { step: 'deserialize', priority: 'high', name: 'newToken' },
    );
    const specs = inSlice('again.0', 2);
    const outcomes = await requests.accept(specs);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['created', 'created']);
    const single = scope.spec();
    await requests.accept([single]);
    expect(await work.commit([outcomeOf(single)])).toEqual([true]);
    await work.take(specs.map(noticeOf), TERMS);
    expect(await work.commit(specs.map((spec) => outcomeOf(spec)))).toEqual([true, true]);
    expect(await requests.usage({ tenant: scope.tenant, groupBy: [] })).toMatchObject([
      { requests: 3, costMicroUsd: 135 },
    ]);
    expect(refused).toBe(3);
  });

  it('is known as our own where it claims the id of a keyed request', async () => {
    const { requests } = forgetful(['PutItem', 'UpdateItem', 'TransactWriteItems'], attempts);
    const keyed = inSlice('keyed.0', 3).map((spec, index) => ({ ...spec, id: `key-${index}` }));
    const kinds = (await requests.accept(keyed)).map(({ kind }) => kind);
    expect(kinds).toEqual(['created', 'created', 'created']);
    expect((await requests.accept(keyed)).map(({ kind }) => kind)).toEqual([
      'replayed',
      'replayed',
      'replayed',
    ]);
  });
});

describe('a table that takes no more', () => {
  const names = ['ProvisionedThroughputExceededException', 'ThrottlingException'];

  function throttled(isRefused: (call: OutgoingCall) => boolean, name = names[0] ?? '') {
    const intercept = throttle(isRefused, name);
    return ledgerProcess({ table, segments, nowMs: START_MS, intercept });
  }

  const exhausted = {
    code: 'capacity_exhausted',
    details: { retryAfterMs: expect.any(Number) },
  };

  it.each(names)(
    'refuses to accept on %s, with a time to come back, and keeps nothing',
    async (name) => {
      const { requests } = throttled(({ operation }) => operation === 'TransactWriteItems', name);
      const specs = [...inSlice('full.0', 2), ...inSlice('full.1', 2)];
      await expect(requests.accept(specs)).rejects.toMatchObject(exhausted);
      for (const { id } of specs) {
        expect(await scope.stores.requests.get(scope.tenant, id)).toBeNull();
      }
      const later = await scope.stores.requests.accept(specs);
      expect(later.map(({ kind }) => kind)).toEqual(specs.map(() => 'created'));
    },
  );

  it('accepts nothing of more slices than fit one transaction', async () => {
    let transactions = 0;
    const { requests } = throttled(
      ({ operation }) => operation === 'TransactWriteItems' && ++transactions > 1,
    );
    const specs = Array.from({ length: 150 }, (_, slice) => inSlice(`many.${slice}`, 1)).flat();
    await expect(requests.accept(specs)).rejects.toMatchObject(exhausted);
    const { work, requests: sound } = scope.stores;
    expect(await sound.counts(scope.tenant)).toMatchObject({ queued: 0 });
    const fresh = ledgerProcess({ table, segments, nowMs: START_MS + 600_000 });
    await fresh.work.repair(START_MS + 600_000);
    expect(await scope.lease('any', START_MS + 600_000)).toEqual([]);
    const kinds = (await sound.accept(specs)).map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['created']));
    expect(await scope.lease('any', START_MS + 600_000, 1_000)).toHaveLength(150);
    expect((await work.backlog()).find(({ model }) => model === scope.model)?.requests).toBe(150);
  });

  it('accepts keyed requests in the end, once, when it filled up while ids were claimed', async () => {
    let puts = 0;
    const { requests } = throttled(({ operation }) => operation === 'PutItem' && ++puts > 4);
    const keyed = inSlice('claims.0', 5).map((spec, index) => ({ ...spec, id: `claim-${index}` }));
    await expect(requests.accept(keyed)).rejects.toMatchObject(exhausted);
    const { requests: sound } = scope.stores;
    const again = await sound.accept(keyed);
    expect(new Set(again.map(({ kind }) => kind))).toEqual(new Set(['replayed']));
    expect(await scope.lease('any', START_MS)).toHaveLength(5);
  });

  it('publishes nothing halfway: what a commit could not write can be committed again', async () => {
    const specs = inSlice('commit.0', 4);
    await scope.stores.requests.accept(specs);
    let puts = 0;
    const { work } = throttled(({ operation }) => operation === 'PutItem' && ++puts > 2);
    const outcomes = specs.map((spec) => outcomeOf(spec));
    await expect(work.commit(outcomes)).rejects.toMatchObject(exhausted);
    const flags = await scope.stores.work.commit(outcomes);
    expect(flags.filter(Boolean)).toHaveLength(2);
    expect(await scope.stores.requests.counts(scope.tenant)).toMatchObject({ succeeded: 4 });
    const usage = await scope.stores.requests.usage({ tenant: scope.tenant, groupBy: [] });
    expect(usage).toMatchObject([{ requests: 4 }]);
  });

  it('leaves booking to the sweeper', async () => {
    const specs = inSlice('unbooked.0', 2);
    await scope.stores.requests.accept(specs);
    const { work } = throttled(({ operation }) => operation === 'TransactWriteItems');
    await work.take(specs.map(noticeOf), TERMS);
    expect(await work.commit(specs.map((spec) => outcomeOf(spec)))).toEqual([true, true]);
    const { requests } = scope.stores;
    expect(await requests.usage({ tenant: scope.tenant, groupBy: [] })).toEqual([]);
    const sweeper = ledgerProcess({ table, segments, nowMs: START_MS });
    expect(await sweeper.work.repair(START_MS + 60_000)).toBe(0);
    expect(await sweeper.work.repair(START_MS + 60_001)).toBe(1);
    expect(await requests.usage({ tenant: scope.tenant, groupBy: [] })).toMatchObject([
      { requests: 2 },
    ]);
  });
});
