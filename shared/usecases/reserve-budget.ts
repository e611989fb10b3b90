import { monthAfter, monthOf } from '../domain/cost/budget.ts';
import { AppError } from '../domain/errors.ts';
import type { BudgetAnswer, BudgetStore } from '../ports/budget-store.ts';
import type { Random } from '../ports/random.ts';

/** What one call needs of a tenant's budget. Unit of money: micro-dollars. */
export interface BudgetNeed {
  readonly tenant: string;
  /** The month of this instant pays. */
  readonly atMs: number;
  readonly askedMicroUsd: number;
  readonly limitMicroUsd: number;
}

export interface Reservation {
  /** Gives back what is not needed after all. Call once. */
  release(microUsd: number): Promise<void>;
}

/** @throws {AppError} `budget_exceeded`, with the figures; nothing is reserved then. */
export type ReserveBudget = (need: BudgetNeed) => Promise<Reservation>;

const MICRO_USD_PER_USD = 1_000_000;
const UNUSED: Reservation = { release: async () => {} };

export function createReserveBudget(budgets: BudgetStore, random: Random): ReserveBudget {
  return async ({ tenant, atMs, askedMicroUsd, limitMicroUsd }) => {
    if (askedMicroUsd === 0) return UNUSED;
    const op = random.id('op_');
    const month = monthOf(atMs);
    const answer = await budgets.reserve({ tenant, month, op, askedMicroUsd, limitMicroUsd });
    if (answer.kind === 'exceeded') throw exceeded(answer, month, askedMicroUsd, limitMicroUsd);
    return {
      async release(microUsd) {
        if (microUsd === 0) return;
        const given = { reservedMicroUsd: microUsd, spentMicroUsd: 0 };
        await budgets.settle({ tenant, month, op: `${op}/released`, ...given });
      },
    };
  };
}

function exceeded(
  { spentMicroUsd, reservedMicroUsd }: Extract<BudgetAnswer, { kind: 'exceeded' }>,
  month: string,
  askedMicroUsd: number,
  limitMicroUsd: number,
): AppError {
  const message = `In ${month} ${usd(spentMicroUsd)} is spent and ${usd(reservedMicroUsd)} reserved for requests under way, of a budget of ${usd(limitMicroUsd)}; this call may cost up to ${usd(askedMicroUsd)}. Submit less at once, bound the answers (max_tokens), wait for requests under way, or have the budget raised; a new month begins on ${monthAfter(month)}-01 UTC`;
  const details = { month, spentMicroUsd, reservedMicroUsd, askedMicroUsd, limitMicroUsd };
  return new AppError('budget_exceeded', message, { details });
}

function usd(microUsd: number): string {
  return `$${(microUsd / MICRO_USD_PER_USD).toFixed(microUsd < MICRO_USD_PER_USD ? 6 : 2)}`;
}
