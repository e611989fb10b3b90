import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { NOTHING_BOOKED } from '../../../shared/domain/cost/budget.ts';
import type { BudgetAsk, BudgetStore } from '../../../shared/ports/budget-store.ts';

export interface BudgetsUnderTest {
  readonly budgets: BudgetStore;
  close(): Promise<void>;
}

const MONTH = '2026-11';
const LIMIT = 1_000;

/** What every BudgetStore must do. Other tests may share its store. */
export function defineBudgetStoreContract(
  name: string,
  makeStore: () => Promise<BudgetsUnderTest>,
): void {
  describe(`BudgetStore on ${name}`, () => {
    let store: BudgetsUnderTest;
    let budgets: BudgetStore;
    let tenant: string;

    beforeEach(async () => {
      store = await makeStore();
      budgets = store.budgets;
      tenant = systemRandom.id('tenant-');
    });
    afterEach(() => store.close());

    const ask = (askedMicroUsd: number, overrides: Partial<BudgetAsk> = {}): BudgetAsk => ({
      tenant,
      month: MONTH,
      op: systemRandom.id('op_'),
      askedMicroUsd,
      limitMicroUsd: LIMIT,
      ...overrides,
    });
    const settle = (reservedMicroUsd: number, spentMicroUsd: number, op = systemRandom.id('op_')) =>
      budgets.settle({ tenant, month: MONTH, op, reservedMicroUsd, spentMicroUsd });
    const state = () => budgets.read(tenant, MONTH);

    it('reserves up to the limit and not a micro-dollar more', async () => {
      expect(await state()).toEqual(NOTHING_BOOKED);
      expect(await budgets.reserve(ask(600))).toEqual({ kind: 'reserved' });
      expect(await budgets.reserve(ask(401))).toEqual({
        kind: 'exceeded',
        spentMicroUsd: 0,
        reservedMicroUsd: 600,
      });
      expect(await budgets.reserve(ask(400))).toEqual({ kind: 'reserved' });
      expect(await state()).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 1_000 });
    });

    it('refuses the first ask too when it is above the limit, and books nothing', async () => {
      const answer = await budgets.reserve(ask(1_001));
      expect(answer).toEqual({ kind: 'exceeded', ...NOTHING_BOOKED });
      expect(await state()).toEqual(NOTHING_BOOKED);
    });

    it('counts what is spent, and gives back what was not', async () => {
      await budgets.reserve(ask(900));
      await settle(900, 250);
      expect(await state()).toEqual({ spentMicroUsd: 250, reservedMicroUsd: 0 });
      expect(await budgets.reserve(ask(751))).toMatchObject({ kind: 'exceeded' });
      expect(await budgets.reserve(ask(750))).toEqual({ kind: 'reserved' });
    });

    it('follows a limit that is changed', async () => {
      await budgets.reserve(ask(900));
      const lower = await budgets.reserve(ask(0, { limitMicroUsd: 100 }));
      expect(lower).toMatchObject({ kind: 'exceeded', reservedMicroUsd: 900 });
      expect(await budgets.reserve(ask(900, { limitMicroUsd: 1_800 }))).toEqual({
        kind: 'reserved',
      });
    });

    it('reserves once and settles once for an operation, however often it comes', async () => {
      const once = ask(700);
      for (let time = 0; time < 3; time += 1) {
        expect(await budgets.reserve(once)).toEqual({ kind: 'reserved' });
      }
      expect(await state()).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 700 });
      for (let time = 0; time < 3; time += 1) await settle(200, 30, 'settled');
      expect(await state()).toEqual({ spentMicroUsd: 30, reservedMicroUsd: 500 });
    });

    it('may be asked again under the same operation after a refusal', async () => {
      await budgets.reserve(ask(800));
      const again = ask(500);
      expect(await budgets.reserve(again)).toMatchObject({ kind: 'exceeded' });
      await settle(800, 100);
      expect(await budgets.reserve(again)).toEqual({ kind: 'reserved' });
      expect(await state()).toEqual({ spentMicroUsd: 100, reservedMicroUsd: 500 });
    });

    it('settles what it never reserved, without falling below nothing', async () => {
      await settle(300, 40);
      expect(await state()).toEqual({ spentMicroUsd: 40, reservedMicroUsd: 0 });
    });

    it('keeps months and tenants apart', async () => {
      await budgets.reserve(ask(1_000));
      expect(await budgets.reserve(ask(1_000, { month: '2026-12' }))).toEqual({ kind: 'reserved' });
      const other = `${tenant}-b`;
      expect(await budgets.reserve(ask(1_000, { tenant: other }))).toEqual({ kind: 'reserved' });
      expect(await budgets.read(other, '2026-10')).toEqual(NOTHING_BOOKED);
    });

    it('never lets asks at once pass the limit together, nor wastes it', async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => budgets.reserve(ask(100))),
      );
      expect(answers.filter(({ kind }) => kind === 'reserved')).toHaveLength(10);
      await Promise.all(Array.from({ length: 10 }, () => settle(100, 7)));
      expect(await state()).toEqual({ spentMicroUsd: 70, reservedMicroUsd: 0 });
    });
  });
}
