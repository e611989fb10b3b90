import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RequestSpec } from '../../../shared/domain/requests/request.ts';
import { placedId } from '../../../shared/domain/requests/slice-plan.ts';
import { makeTable, type TestTable } from '../../support/dynamo-client.ts';
import {
  type Intercept,
  type Mortal,
  mortal,
  type OutgoingCall,
} from '../../support/intercept-calls.ts';
import { type LedgerProcess, ledgerProcess } from '../../support/ledger-process.ts';
import { MemorySegments } from '../../support/memory-segments.ts';
import { outcomeOf, Scope, START_MS } from '../builders.ts';

let table: TestTable;
const segments = new MemorySegments();

// Whoever looks over all models should not meet those of hundreds of other lives.
beforeEach(async () => {
  table = await makeTable();
});

const LEASE_MS = 60_000;
/** All leases and half acceptances have run out by then. */
const LATER_MS = START_MS + 600_000;

type Build = (scope: Scope, name: string) => RequestSpec[];
type Ends = 'killed before' | 'killed after' | 'frozen before';
const ENDS: readonly Ends[] = ['killed before', 'killed after', 'frozen before'];

/** What one life did that a caller or a provider could see. */
interface Seen {
  /** Ids whose commit was answered with true. */
  readonly published: string[];
}

const placed =
  (slice: string, count: number, overrides: (index: number) => Partial<RequestSpec>): Build =>
  (scope, name) =>
    Array.from({ length: count }, (_, index) => {
      const place = { id: `${name}.${slice}`, index };
      return scope.spec({ id: placedId(place), slice: place, ...overrides(index) });
    });

/** A worker's life: accepts, takes, and publishes in two groups. */
async function live(
  ledger: LedgerProcess,
  specs: readonly RequestSpec[],
  seen: Seen,
): Promise<void> {
  await ledger.requests.accept(specs);
  const leased = await ledger.work.take(specs.map(noticeOf), {
    owner: 'first',
    nowMs: START_MS,
    expiresAtMs: START_MS + LEASE_MS,
  });
  const half = Math.ceil(leased.length / 2);
  for (const group of [leased.slice(0, half), leased.slice(half)]) {
    await publish(ledger, group, 'first', seen);
  }
}

async function publish(
  ledger: LedgerProcess,
  group: readonly RequestSpec[],
  provider: string,
  { published }: Seen,
): Promise<void> {
  const flags = await ledger.work.commit(group.map((spec) => outcomeOf(spec, { provider })));
  group.forEach(({ id }, index) => {
    if (flags[index] === true) published.push(id);
  });
}

/** Who comes after: the caller sends again what was not answered, the sweeper looks, a worker works. */
async function recover(
  scope: Scope,
  specs: readonly RequestSpec[],
  seen: Seen,
  intercept?: Intercept,
  nowMs = LATER_MS,
): Promise<void> {
  const heir = ledgerProcess({ table, segments, nowMs, ...(intercept && { intercept }) });
  await heir.requests.accept(specs);
  await heir.work.repair(nowMs);
  for (;;) {
    const terms = { owner: `heir at ${nowMs}`, nowMs, expiresAtMs: nowMs + LEASE_MS };
    const leased = await heir.work.lease({ model: scope.model, limit: 100, ...terms });
    if (leased.length === 0) break;
    await publish(heir, leased, 'heir', seen);
  }
  await heir.work.repair(nowMs + 2 * LEASE_MS);
}

/** The same by one who dies as well: as many lives as it takes. */
async function dieAgain(
  scope: Scope,
  specs: readonly RequestSpec[],
  seen: Seen,
  nth: number,
  nowMs: number,
): Promise<void> {
  const death = mortal(nth, nth % 2 === 0 ? 'before' : 'after');
  const heir = recover(scope, specs, seen, death.intercept, nowMs);
  await Promise.race([heir, death.stopped]);
}

/** Nothing lost, nothing published twice, all of it booked, once. */
async function check(scope: Scope, specs: readonly RequestSpec[], seen: Seen): Promise<void> {
  const { requests, work } = ledgerProcess({ table, segments, nowMs: LATER_MS });
  const count = specs.length;
  expect(new Set(seen.published).size).toBe(seen.published.length);
  const views = await Promise.all(specs.map(({ id }) => requests.get(scope.tenant, id)));
  expect(views.map((view) => view?.status)).toEqual(specs.map(() => 'succeeded'));
  const cost = views.reduce((sum, view) => sum + (view?.outcome?.costMicroUsd ?? 0), 0);
  const [usage] = await requests.usage({ tenant: scope.tenant, groupBy: [] });
  expect(usage).toMatchObject({ requests: count, succeeded: count, costMicroUsd: cost });
  const counts = { queued: 0, running: 0, succeeded: count, failed: 0, cancelled: 0, expired: 0 };
  expect(await requests.counts(scope.tenant)).toEqual(counts);
  const { items } = await requests.list({ tenant: scope.tenant, limit: 1_000 });
  expect(items.map(({ id }) => id).toSorted()).toEqual(specs.map(({ id }) => id).toSorted());
  expect(await work.lease(leaseOf(scope))).toEqual([]);
}

/** One schedule; false when the worker lived to the end, and there are no more to try. */
async function run(
  build: Build,
  nth: number,
  ends: Ends,
  counts?: (call: OutgoingCall) => boolean,
  deathsOfHeirs: readonly number[] = [],
): Promise<boolean> {
  const death = mortal(nth, ends === 'killed after' ? 'after' : 'before', counts);
  const scope = new Scope({
    ...ledgerProcess({ table, segments, nowMs: START_MS }),
    close: async () => undefined,
  });
  const specs = build(scope, `call-${nth}`);
  const seen: Seen = { published: [] };
  const worker = ledgerProcess({ table, segments, nowMs: START_MS, intercept: death.intercept });
  const life = live(worker, specs, seen);
  const isDead = await Promise.race([life.then(() => false), death.stopped.then(() => true)]);
  let nowMs = LATER_MS;
  for (const heirDies of deathsOfHeirs) {
    await dieAgain(scope, specs, seen, heirDies, nowMs);
    nowMs += 3 * LEASE_MS;
  }
  await recover(scope, specs, seen, undefined, nowMs);
  if (isDead && ends === 'frozen before') await thaw(death, life);
  await check(scope, specs, seen);
  return isDead;
}

/** A frozen worker goes on as if nothing had happened; whatever it may not do, fails quietly. */
async function thaw(death: Mortal, life: Promise<void>): Promise<void> {
  death.resume();
  await life;
}

function noticeOf({ tenant, model, priority, id, slice }: RequestSpec) {
  return { tenant, model, priority, slice: slice?.id ?? id };
}

function leaseOf({ model }: Scope) {
  const nowMs = LATER_MS + 10 * LEASE_MS;
  return { model, owner: 'last', nowMs, expiresAtMs: nowMs + 1, limit: 1_000 };
}

const SCENARIOS: Readonly<
  Record<string, { build: Build; counts?: (call: OutgoingCall) => boolean }>
> = {
  'a single request': { build: (scope) => [scope.spec()] },
  'two slices, one of a batch': {
    build: (scope, name) => [
      ...placed('0', 3, () => ({ batchId: 'batch', tags: ['a'] }))(scope, name),
      ...placed('1', 2, () => ({ priority: 9 }))(scope, name),
    ],
  },
  'a slice of keyed requests': {
    build: placed('0', 3, (index) => (index === 1 ? {} : { id: `key-${index}` })),
  },
  'a slice with too many labels to book at once': {
    build: placed('0', 130, (index) => ({ tags: [`user-${index}`] })),
    counts: ({ operation }) => operation === 'TransactWriteItems',
  },
};

describe.each(Object.entries(SCENARIOS))('a worker that dies with %s', (_, { build, counts }) => {
  it.each(ENDS)(
    '%s any of its calls',
    async (ends) => {
      let schedules = 0;
      while (await run(build, schedules, ends, counts)) schedules += 1;
      console.log(`${schedules} schedules`);
      expect(schedules).toBeGreaterThan(2);
    },
    300_000,
  );
});

it('and heirs that die too, and a first worker that wakes after all of them', async () => {
  const lives = fc.record({
    name: fc.constantFrom(...Object.keys(SCENARIOS).slice(0, 3)),
    nth: fc.nat({ max: 15 }),
    ends: fc.constantFrom(...ENDS),
    heirs: fc.array(fc.nat({ max: 25 }), { minLength: 1, maxLength: 3 }),
  });
  let schedules = 0;
  await fc.assert(
    fc.asyncProperty(lives, async ({ name, nth, ends, heirs }) => {
      const { build } = SCENARIOS[name] ?? {};
      if (build === undefined) return expect.unreachable();
      await run(build, nth, ends, undefined, heirs);
      schedules += 1;
    }),
    { numRuns: 50 },
  );
  console.log(`${schedules} schedules of several deaths`);
}, 300_000);
