/** What requests that have ended settle in budgets, as part of the transaction that books them. */

import { monthOf } from '../../../domain/cost/budget.ts';
import type { BudgetSettlement } from '../../../ports/budget-store.ts';
import { budgetKey } from '../table/keys.ts';
import type { Action } from '../table/table.ts';
import type { Ended } from './usage-rows.ts';

type Sums = Pick<BudgetSettlement, 'reservedMicroUsd' | 'spentMicroUsd'>;

/**
 * One action for each tenant and month of acceptance, in an order that stays the same; none for
 * tenants without a budget. Unconditional, so it never makes the transaction fail.
 */
export function budgetActions(ended: readonly Ended[]): Action[] {
  const months = new Map<string, Sums & { readonly tenant: string; readonly month: string }>();
  for (const { spec, outcome } of ended) {
    const { tenant, reservedMicroUsd: reserved } = spec;
    if (reserved === undefined) continue;
    const month = monthOf(spec.createdAtMs);
    const name = `${tenant}\n${month}`;
    const known = months.get(name);
    months.set(name, {
      tenant,
      month,
      reservedMicroUsd: (known?.reservedMicroUsd ?? 0) + reserved,
      spentMicroUsd: (known?.spentMicroUsd ?? 0) + outcome.costMicroUsd,
    });
  }
  return [...months]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, { tenant, month, ...sums }]) => ({
      update: budgetKey(tenant, month),
      change: settlementChange(sums),
    }));
}

/** Adds to spent, reserved and held, their sum. */
export function settlementChange({ reservedMicroUsd, spentMicroUsd }: Sums) {
  return {
    text: 'ADD #held :change, #reserved :released, #spent :spent',
    values: {
      change: spentMicroUsd - reservedMicroUsd,
      released: -reservedMicroUsd,
      spent: spentMicroUsd,
    },
  };
}
