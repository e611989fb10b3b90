import { monthOf } from '../../domain/cost/budget.ts';
import type { RequestOutcome } from '../../domain/requests/request.ts';
import { settleBudget } from './budget-store.ts';
import type { Database } from './database.ts';

interface Sums {
  readonly tenant: string;
  readonly month: string;
  reservedMicroUsd: number;
  spentMicroUsd: number;
}

/** Gathers what one transaction settles in the budgets of the months of acceptance. */
export class BudgetSums {
  readonly #sums = new Map<string, Sums>();

  /** `reservedMicroUsd` is `null` for a request of a tenant without a budget. */
  add(outcome: RequestOutcome, reservedMicroUsd: number | null, acceptedAtMs: number): void {
    if (reservedMicroUsd === null) return;
    const { tenant, costMicroUsd } = outcome;
    const month = monthOf(acceptedAtMs);
    const key = `${tenant}\0${month}`;
    const sums = this.#sums.get(key) ?? { tenant, month, reservedMicroUsd: 0, spentMicroUsd: 0 };
    sums.reservedMicroUsd += reservedMicroUsd;
    sums.spentMicroUsd += costMicroUsd;
    this.#sums.set(key, sums);
  }

  /** Writes the sums. Call once, at the end of the transaction. */
  write(database: Database): void {
    for (const { tenant, month, ...sums } of this.#sums.values()) {
      settleBudget(database, tenant, month, sums);
    }
  }
}
