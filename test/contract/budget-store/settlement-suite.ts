import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOTHING_BOOKED } from '../../../shared/domain/cost/budget.ts';
import type { BudgetStore } from '../../../shared/ports/budget-store.ts';
import { outcomeOf, Scope, START_MS, type StoresUnderTest } from '../builders.ts';

export interface SettlingUnderTest extends StoresUnderTest {
  readonly budgets: BudgetStore;
}

const NOVEMBER = '2026-11';
/** 2026-12-01T00:00:00Z. */
const DECEMBER_MS = 1_796_083_200_000;

/** What every ledger must settle in the budgets beside it. */
export function defineSettlementContract(
  name: string,
  makeStores: () => Promise<SettlingUnderTest>,
): void {
  describe(`Settlement on ${name}`, () => {
    let stores: SettlingUnderTest;
    let scope: Scope;
    beforeEach(async () => {
      stores = await makeStores();
      scope = new Scope(stores);
    });
    afterEach(() => stores.close());

    const reserve = (month: string, askedMicroUsd: number) =>
      stores.budgets.reserve({
        tenant: scope.tenant,
        month,
        op: `reserve ${month}`,
        askedMicroUsd,
        limitMicroUsd: 1_000_000,
      });
    const state = (month = NOVEMBER) => stores.budgets.read(scope.tenant, month);

    it('replaces reservations by costs, once, when all of them have ended', async () => {
      await reserve(NOVEMBER, 300);
      const specs = await scope.accept(...Array(3).fill({ reservedMicroUsd: 100 }));
      expect(await state()).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 300 });
      const outcomes = specs.map((spec, index) => outcomeOf(spec, { costMicroUsd: 10 + index }));
      expect(await stores.work.commit(outcomes)).toEqual([true, true, true]);
      expect(await state()).toEqual({ spentMicroUsd: 33, reservedMicroUsd: 0 });
      expect(await stores.work.commit(outcomes)).toEqual([false, false, false]);
      expect(await state()).toEqual({ spentMicroUsd: 33, reservedMicroUsd: 0 });
    });

    it('books on the month of acceptance, whenever the answer comes', async () => {
      await reserve(NOVEMBER, 100);
      const [spec] = await scope.accept({ reservedMicroUsd: 100, createdAtMs: START_MS });
      const late = { finishedAtMs: DECEMBER_MS + 5_000, costMicroUsd: 42 };
      await stores.work.commit(spec === undefined ? [] : [outcomeOf(spec, late)]);
      expect(await state()).toEqual({ spentMicroUsd: 42, reservedMicroUsd: 0 });
      expect(await state('2026-12')).toEqual(NOTHING_BOOKED);
    });

    it('books nothing for requests without a reservation', async () => {
      const specs = await scope.accept({}, {});
      await stores.work.commit(specs.map((spec) => outcomeOf(spec)));
      expect(await state()).toEqual(NOTHING_BOOKED);
    });

    it('lets go of what was cancelled', async () => {
      await reserve(NOVEMBER, 100);
      const [spec] = await scope.accept({ reservedMicroUsd: 100 });
      const cancelled = { status: 'cancelled' as const, costMicroUsd: 0 };
      await stores.work.commit(spec === undefined ? [] : [outcomeOf(spec, cancelled)]);
      expect(await state()).toEqual(NOTHING_BOOKED);
    });
  });
}
