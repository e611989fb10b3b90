import { expect, it } from 'vitest';
import { START_MS } from '../builders.ts';
import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineDeliveryStoreContract, delivery } from './suite.ts';

defineDeliveryStoreContract('SQLite in memory', makeMemoryStores);
defineDeliveryStoreContract('SQLite in a file', makeFileStores);

it('forgets what ended a month ago as the next comes, and nothing that is still to be sent', async () => {
  const { deliveries, close } = await makeMemoryStores();
  const [ended, pending] = [delivery(), delivery()];
  await deliveries.add([ended, pending]);
  const lease = { nowMs: START_MS, untilMs: START_MS + 1, limit: 9 };
  for (const leased of await deliveries.lease(lease)) {
    if (leased.eventId !== ended.eventId) continue;
    const end = { status: 'delivered', attempts: 1, dueAtMs: START_MS, fault: null } as const;
    await deliveries.settle(leased, end);
  }
  const next = delivery({ createdAtMs: START_MS + 31 * 86_400_000 });
  await deliveries.add([next]);
  const kept = await deliveries.list('a', 'whk_1', 9);
  expect(kept.map(({ eventId }) => eventId)).toEqual([next.eventId, pending.eventId]);
  await close();
});
