import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type {
  Delivery,
  DeliveryStore,
  LeasedDelivery,
} from '../../../shared/ports/delivery-store.ts';
import { START_MS } from '../builders.ts';

export interface DeliveriesUnderTest {
  readonly deliveries: DeliveryStore;
  close(): Promise<void>;
}

export function delivery(overrides: Partial<Delivery> = {}): Delivery {
  return {
    tenant: 'a',
    endpointId: 'whk_1',
    eventId: systemRandom.id('evt_'),
    type: 'batch.completed',
    body: '{"type":"batch.completed","data":{"id":"batch_ü"}}',
    createdAtMs: START_MS,
    ...overrides,
  };
}

const LEASE_MS = 60_000;

/** What every DeliveryStore must do, in a store of its own. */
export function defineDeliveryStoreContract(
  name: string,
  makeStore: () => Promise<DeliveriesUnderTest>,
): void {
  describe(`DeliveryStore on ${name}`, () => {
    let store: DeliveriesUnderTest;
    beforeEach(async () => {
      store = await makeStore();
    });
    afterEach(() => store.close());

    const leaseAt = (nowMs: number, limit = 100): Promise<LeasedDelivery[]> =>
      store.deliveries.lease({ nowMs, untilMs: nowMs + LEASE_MS, limit });
    const only = (leased: readonly LeasedDelivery[]): LeasedDelivery => {
      const [one] = leased;
      expect(leased).toHaveLength(1);
      if (one === undefined) throw new Error('Nothing was leased');
      return one;
    };

    it('takes an event for an endpoint in once, whatever has become of it', async () => {
      const { deliveries } = store;
      const one = delivery();
      await deliveries.add([one, one]);
      await deliveries.add([{ ...one, createdAtMs: START_MS + 1, body: 'another' }]);
      const leased = only(await leaseAt(START_MS + 1));
      expect(leased).toMatchObject({ ...one, status: 'pending', attempts: 0, fault: null });
      const ended = {
        status: 'delivered',
        attempts: 1,
        dueAtMs: START_MS + 2,
        fault: null,
      } as const;
      expect(await deliveries.settle(leased, ended)).toBe(true);
      await deliveries.add([one]);
      expect(await leaseAt(START_MS + 10 * LEASE_MS)).toEqual([]);
    });

    it('gives the same event to other endpoints and tenants', async () => {
      const one = delivery();
      const all = [one, { ...one, endpointId: 'whk_2' }, { ...one, tenant: 'b' }];
      await store.deliveries.add(all);
      const leased = await leaseAt(START_MS);
      expect(leased.map(({ tenant, endpointId }) => `${tenant}/${endpointId}`).toSorted()).toEqual([
        'a/whk_1',
        'a/whk_2',
        'b/whk_1',
      ]);
    });

    it('leases what is due and nothing else, the longest due first, as many as asked', async () => {
      const { deliveries } = store;
      const due = [3, 1, 2].map((age) => delivery({ createdAtMs: START_MS - age }));
      await deliveries.add([...due, delivery({ createdAtMs: START_MS + 1 })]);
      const two = await leaseAt(START_MS, 2);
      expect(two.map(({ createdAtMs }) => createdAtMs).toSorted()).toEqual([
        START_MS - 3,
        START_MS - 2,
      ]);
      expect(await leaseAt(START_MS)).toHaveLength(1);
      expect(await leaseAt(START_MS)).toEqual([]);
    });

    it('leases each to one of many that ask at once', async () => {
      await store.deliveries.add(Array.from({ length: 20 }, () => delivery()));
      const all = await Promise.all(Array.from({ length: 5 }, () => leaseAt(START_MS, 10)));
      const ids = all.flat().map(({ eventId }) => eventId);
      expect(new Set(ids).size).toBe(ids.length);
      let left: LeasedDelivery[];
      do {
        left = await leaseAt(START_MS);
        ids.push(...left.map(({ eventId }) => eventId));
      } while (left.length > 0);
      expect(new Set(ids).size).toBe(20);
      expect(ids).toHaveLength(20);
    });

    it('gives a lease that ran out to the next, and settles with the last only', async () => {
      const { deliveries } = store;
      await deliveries.add([delivery()]);
      const lost = only(await leaseAt(START_MS));
      expect(await leaseAt(START_MS + LEASE_MS - 1)).toEqual([]);
      const held = only(await leaseAt(START_MS + LEASE_MS));
      expect(held.fence).toBeGreaterThan(lost.fence);
      const ended = {
        status: 'failed',
        attempts: 1,
        dueAtMs: 0,
        fault: 'It answered 500',
      } as const;
      expect(await deliveries.settle(lost, ended)).toBe(false);
      expect(await deliveries.settle(held, ended)).toBe(true);
      expect(await deliveries.settle(held, ended)).toBe(false);
    });

    it('keeps a delivery that failed until it is due again, with what was wrong', async () => {
      const { deliveries } = store;
      await deliveries.add([delivery()]);
      const first = only(await leaseAt(START_MS));
      const dueAtMs = START_MS + 5_000;
      const again = { status: 'pending', attempts: 1, dueAtMs, fault: 'It answered 500' } as const;
      expect(await deliveries.settle(first, again)).toBe(true);
      expect(await leaseAt(dueAtMs - 1)).toEqual([]);
      const second = only(await leaseAt(dueAtMs));
      expect(second).toMatchObject({ attempts: 1, fault: 'It answered 500', body: first.body });
    });

    it("lists an endpoint's last ones, newest first", async () => {
      const { deliveries } = store;
      const tenant = systemRandom.id('t_');
      const three = [1, 2, 3].map((age) => delivery({ tenant, createdAtMs: START_MS + age }));
      await deliveries.add([...three, delivery({ tenant, endpointId: 'whk_2' }), delivery()]);
      const listed = await deliveries.list(tenant, 'whk_1', 2);
      expect(listed.map(({ createdAtMs }) => createdAtMs)).toEqual([START_MS + 3, START_MS + 2]);
      expect(listed[0]).toMatchObject({ ...three[2], status: 'pending', attempts: 0 });
      expect(await deliveries.list(tenant, 'whk_3', 2)).toEqual([]);
    });
  });
}
