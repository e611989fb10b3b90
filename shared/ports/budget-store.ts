import type { BudgetState } from '../domain/cost/budget.ts';

export interface BudgetAsk {
  readonly tenant: string;
  /** `2026-11` */
  readonly month: string;
  /** Names this ask: the same one again, however often, reserves once. */
  readonly op: string;
  /** Integer >= 0. Unit: micro-dollars. */
  readonly askedMicroUsd: number;
  /** Spent, reserved and asked together may reach this. Unit: micro-dollars. */
  readonly limitMicroUsd: number;
}

export type BudgetAnswer =
  | { readonly kind: 'reserved' }
  /** Nothing was reserved. */
  | ({ readonly kind: 'exceeded' } & BudgetState);

export interface BudgetSettlement {
  readonly tenant: string;
  readonly month: string;
  /** Names this settlement: the same one again, however often, counts once. */
  readonly op: string;
  /** No longer reserved. Integer >= 0. Unit: micro-dollars. */
  readonly reservedMicroUsd: number;
  /** What it came to; 0 where nothing was sent. Integer >= 0. Unit: micro-dollars. */
  readonly spentMicroUsd: number;
}

/**
 * What tenants with a budget have spent and reserved, a month each.
 *
 * A request is settled by the ledger, in the write that gives it (or its slice) its outcome, so
 * that it is settled exactly once; `settle` is for what was reserved and never accepted. Who dies
 * between reserving and accepting leaves that reservation standing: at most what one call may cost
 * for each such death, on the side of too much reserved, until the month ends or (on one machine)
 * the next start.
 */
export interface BudgetStore {
  /** Reserves all that is asked, or nothing; atomic against all other asks of the tenant. */
  reserve(ask: BudgetAsk): Promise<BudgetAnswer>;
  /** Replaces a reservation by what it came to. What is reserved reads 0 at least. */
  settle(settlement: BudgetSettlement): Promise<void>;
  read(tenant: string, month: string): Promise<BudgetState>;
}
