import { expect, it } from 'vitest';
import { createDynamoLedger } from '../../shared/adapters/dynamodb/ledger/ledger.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import { placedId, planSlices } from '../../shared/domain/requests/slice-plan.ts';
import { makeTable, SteadyClock } from '../support/dynamo-client.ts';
import { MemorySegments } from '../support/memory-segments.ts';
import { countWriteUnits } from '../support/write-units.ts';
import { outcomeOf, Scope, START_MS } from './builders.ts';

const REQUESTS = 10_000;
const REQUESTS_PER_CALL = 5_000;
const OUTCOMES_PER_COMMIT = 128;

async function makeCounted() {
  const table = await makeTable();
  const ledger = createDynamoLedger({
    client: table.client,
    table: table.name,
    clock: new SteadyClock(START_MS),
    random: systemRandom,
    payloads: new MemorySegments().payloads,
    retentionDays: 30,
  });
  const scope = new Scope({ ...ledger, close: async () => undefined });
  return { ledger, scope, units: countWriteUnits(table.client) };
}

/** As long as what the AWS home writes. */
const LONG = {
  body: {
    segment: 't/acme-production/bodies/2026-11-24/aqlq4cmkjp4rsfqvokyd5xk3.jsonl',
    offset: 1_234_567,
    length: 2_345,
  },
  fingerprint: 'x'.repeat(43),
  groupOrder: 1_795_514_400_000_123,
  tags: ['nightly'],
};
const RESULT = {
  segment: 't/acme-production/results/dispatch-aqlq4cmkjp4rsfqvokyd5xk3/000123.jsonl',
  offset: 1_234_567,
  length: 4_321,
};

it('keeps a bulk request within 1.15 write units, from acceptance to booking', async () => {
  const { ledger, scope, units } = await makeCounted();
  for (let call = 0; call < REQUESTS / REQUESTS_PER_CALL; call += 1) {
    const drafts = Array.from({ length: REQUESTS_PER_CALL }, () => scope.spec(LONG));
    const places = planSlices(systemRandom.id('req_'), drafts);
    await ledger.requests.accept(
      drafts.map((draft, index) => {
        const slice = places[index] ?? { id: draft.id, index: 0 };
        return { ...draft, slice, id: placedId(slice) };
      }),
    );
  }
  const started = performance.now();
  let committed = 0;
  for (;;) {
    const leased = await scope.lease('worker', START_MS, 1_000);
    if (leased.length === 0) break;
    for (let start = 0; start < leased.length; start += OUTCOMES_PER_COMMIT) {
      const group = leased.slice(start, start + OUTCOMES_PER_COMMIT);
      const flags = await ledger.work.commit(
        group.map((spec) => outcomeOf(spec, { result: RESULT })),
      );
      committed += flags.filter(Boolean).length;
    }
  }
  const seconds = (performance.now() - started) / 1_000;
  expect(committed).toBe(REQUESTS);
  const usage = await ledger.requests.usage({ tenant: scope.tenant, groupBy: [] });
  expect(usage).toMatchObject([{ requests: REQUESTS }]);
  const perRequest = units.counted.total / REQUESTS;
  console.log(
    `bulk: ${perRequest.toFixed(4)} write units a request`,
    units.counted,
    `${Math.round(REQUESTS / seconds)} outcomes a second`,
  );
  expect(perRequest).toBeLessThanOrEqual(1.15);
}, 300_000);

it('keeps a single request within 9 write units', async () => {
  const { ledger, scope, units } = await makeCounted();
  await scope.accept({ id: 'warm-up' });
  await ledger.work.commit([outcomeOf({ id: 'warm-up', tenant: scope.tenant })]);
  units.reset();
  const [spec] = await scope.accept(LONG);
  if (!spec) return expect.unreachable();
  const { model, priority, tenant, id } = spec;
  const terms = { owner: 'dispatch-1', nowMs: START_MS, expiresAtMs: START_MS + 60_000 };
  const [held] = await ledger.work.take([{ tenant, slice: id, model, priority }], terms);
  if (!held) return expect.unreachable();
  await ledger.work.commit([outcomeOf(held, { result: RESULT })]);
  console.log('single:', units.counted);
  expect(units.counted.total).toBeLessThanOrEqual(9);
});
