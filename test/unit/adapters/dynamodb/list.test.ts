import { expect, it } from 'vitest';
import { createDynamoLedger } from '../../../../shared/adapters/dynamodb/ledger/ledger.ts';
import { systemClock } from '../../../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../../../shared/adapters/system/random.ts';
import { placedId, planSlices } from '../../../../shared/domain/requests/slice-plan.ts';
import { outcomeOf, Scope } from '../../../contract/builders.ts';
import { openFakeTable } from '../../../support/aws-home.ts';
import { FakeAws } from '../../../support/fake-aws/fake-aws.ts';
import { MemorySegments } from '../../../support/memory-segments.ts';

const REQUESTS = 5_000;

async function answeredBatch() {
  const aws = new FakeAws();
  const { client, name } = openFakeTable({ ...aws, clock: systemClock, random: systemRandom });
  const ledger = createDynamoLedger({
    client,
    table: name,
    clock: systemClock,
    random: systemRandom,
    payloads: new MemorySegments().payloads,
    retentionDays: 30,
  });
  const scope = new Scope({ ...ledger, close: async () => undefined });
  const { tenant } = scope;
  const drafts = Array.from({ length: REQUESTS }, () => scope.spec({ batchId: 'b' }));
  const places = planSlices(systemRandom.id('req_'), drafts);
  await ledger.requests.accept(
    drafts.map((draft, index) => {
      const slice = places[index] ?? { id: draft.id, index: 0 };
      return { ...draft, slice, id: placedId(slice) };
    }),
  );
  const nowMs = systemClock.nowMs();
  const leased = await scope.lease('worker', nowMs, REQUESTS);
  await ledger.work.commit(leased.map((spec) => outcomeOf(spec)));
  const walk = async (limit: number) => {
    const before = aws.dynamo.units.read;
    let read = 0;
    let after: string | null = null;
    do {
      const page = await ledger.requests.published({ tenant, batchId: 'b', after, limit });
      read += page.items.length;
      after = page.next;
    } while (after !== null);
    return { read, units: aws.dynamo.units.read - before };
  };
  return { walk };
}

it('reads for a page of what was answered little more than the page', async () => {
  const { walk } = await answeredBatch();
  const whole = await walk(REQUESTS + 1);
  const paged = await walk(250);
  expect([whole.read, paged.read]).toEqual([REQUESTS, REQUESTS]);
  // Each page looks at its own slice and at the one before it, and at the headers behind.
  expect(paged.units).toBeLessThan(4 * whole.units);
}, 60_000);
