import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { CapacityState } from '../../../shared/domain/capacity/capacity-state.ts';
import type { CapacityStore } from '../../../shared/ports/capacity-store.ts';
import { START_MS } from '../builders.ts';

export interface CapacityUnderTest {
  /** Two workers' views of one store. */
  readonly one: CapacityStore;
  readonly other: CapacityStore;
  close(): Promise<void>;
}

const FRESH: CapacityState = {
  limits: {},
  ratePerMille: 1_000,
  ceilingPerMille: 1_000,
  rateSetAtMs: START_MS,
  cutAtMs: 0,
  pausedUntilMs: 0,
  surgePerMille: 0,
  surgeSetAtMs: 0,
  declaredConcurrency: null,
  concurrency: null,
  concurrencySetAtMs: START_MS,
  plans: {},
  workers: { 'worker-1': START_MS },
};

/** Counts in a field of the state, and answers the count before. */
const increment = (state: CapacityState | null) => {
  const before = state ?? { ...FRESH, cutAtMs: 0 };
  return { state: { ...before, cutAtMs: before.cutAtMs + 1 }, value: before.cutAtMs };
};

/** What every CapacityStore must do, whatever it keeps its items in. */
export function defineCapacityStoreContract(
  name: string,
  makeStores: () => Promise<CapacityUnderTest>,
): void {
  describe(`CapacityStore on ${name}`, () => {
    let stores: CapacityUnderTest;
    let model: string;

    beforeEach(async () => {
      stores = await makeStores();
      model = systemRandom.id('model_');
    });
    afterEach(() => stores.close());

    it('shows the first step nothing, and every later one what the last left', async () => {
      const first = await stores.one.transact(model, (state) => ({ state: FRESH, value: state }));
      expect(first).toBeNull();
      const second = await stores.other.transact(model, (state) => ({
        state: { ...FRESH, pausedUntilMs: START_MS + 5 },
        value: state,
      }));
      expect(second).toEqual(FRESH);
      expect((await stores.one.snapshot()).get(model)).toEqual({
        ...FRESH,
        pausedUntilMs: START_MS + 5,
      });
    });

    it('loses no step when workers interleave', async () => {
      const turns = Array.from({ length: 60 }, (_, turn) => (turn % 2 ? stores.one : stores.other));
      const values = await Promise.all(turns.map((store) => store.transact(model, increment)));
      // Each step saw the effect of exactly those before it.
      expect(values.toSorted((one, other) => one - other)).toEqual(turns.map((_, turn) => turn));
      expect((await stores.one.snapshot()).get(model)?.cutAtMs).toBe(60);
    });

    it('keeps models apart', async () => {
      const other = systemRandom.id('model_');
      await stores.one.transact(model, increment);
      await stores.one.transact(other, increment);
      await stores.one.transact(other, increment);
      const snapshot = await stores.other.snapshot();
      expect(snapshot.get(model)?.cutAtMs).toBe(1);
      expect(snapshot.get(other)?.cutAtMs).toBe(2);
    });

    it('changes nothing when the step throws, and goes on after', async () => {
      await stores.one.transact(model, increment);
      await expect(
        stores.one.transact(model, () => {
          throw new RangeError('the step broke');
        }),
      ).rejects.toThrow('the step broke');
      expect(await stores.other.transact(model, increment)).toBe(1);
    });
  });
}
