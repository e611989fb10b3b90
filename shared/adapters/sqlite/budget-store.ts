import { type BudgetState, monthOf, NOTHING_BOOKED } from '../../domain/cost/budget.ts';
import type {
  BudgetAnswer,
  BudgetAsk,
  BudgetSettlement,
  BudgetStore,
} from '../../ports/budget-store.ts';
import { number, text } from './columns.ts';
import type { Database } from './database.ts';

const READ =
  'SELECT spent_micro_usd, reserved_micro_usd FROM budgets WHERE tenant = ? AND month = ?';
const RESERVE = `
  INSERT INTO budgets (tenant, month, reserved_micro_usd) VALUES (?, ?, ?)
  ON CONFLICT DO UPDATE SET reserved_micro_usd = reserved_micro_usd + excluded.reserved_micro_usd`;
const SETTLE = `
  INSERT INTO budgets (tenant, month, spent_micro_usd) VALUES (?1, ?2, ?3)
  ON CONFLICT DO UPDATE SET spent_micro_usd = spent_micro_usd + ?3,
    reserved_micro_usd = max(0, reserved_micro_usd - ?4)`;
const REMEMBER =
  'INSERT INTO budget_ops (tenant, month, op) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';

const FORGET_RESERVATIONS = 'UPDATE budgets SET reserved_micro_usd = 0';
const FORGET_OPS = 'DELETE FROM budget_ops';
/** Requests that have not ended; their instants are few where they came in large calls. */
const OPEN_RESERVATIONS = `
  SELECT r.tenant, r.created_at_ms, sum(r.reserved_micro_usd)
  FROM work w CROSS JOIN requests r ON r.seq = w.seq
  WHERE r.reserved_micro_usd > 0 GROUP BY r.tenant, r.created_at_ms`;

/** Budgets in one SQLite database. */
export class SqliteBudgetStore implements BudgetStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async reserve(ask: BudgetAsk): Promise<BudgetAnswer> {
    const { tenant, month, op, askedMicroUsd, limitMicroUsd } = ask;
    return this.#database.transaction((): BudgetAnswer => {
      const state = this.#state(tenant, month);
      const held = state.spentMicroUsd + state.reservedMicroUsd;
      if (this.#database.statement(REMEMBER).run(tenant, month, op).changes === 0) {
        return { kind: 'reserved' };
      }
      if (held + askedMicroUsd > limitMicroUsd) {
        this.#database
          .statement('DELETE FROM budget_ops WHERE tenant = ? AND month = ? AND op = ?')
          .run(tenant, month, op);
        return { kind: 'exceeded', ...state };
      }
      this.#database.statement(RESERVE).run(tenant, month, askedMicroUsd);
      return { kind: 'reserved' };
    });
  }

  async settle({ tenant, month, op, ...sums }: BudgetSettlement): Promise<void> {
    this.#database.transaction(() => {
      const { changes } = this.#database.statement(REMEMBER).run(tenant, month, op);
      if (changes > 0) settleBudget(this.#database, tenant, month, sums);
    });
  }

  async read(tenant: string, month: string): Promise<BudgetState> {
    return this.#state(tenant, month);
  }

  /**
   * Makes reservations what the open requests hold, which is what a process killed between
   * reserving and accepting leaves wrong. Only whoever holds the state directory may call it,
   * before it takes anything in.
   */
  recover(): void {
    this.#database.transaction(() => {
      this.#database.statement(FORGET_RESERVATIONS).run();
      this.#database.statement(FORGET_OPS).run();
      for (const row of this.#database.statement(OPEN_RESERVATIONS).all()) {
        const month = monthOf(number(row[1]));
        this.#database.statement(RESERVE).run(text(row[0]), month, number(row[2]));
      }
    });
  }

  #state(tenant: string, month: string): BudgetState {
    const row = this.#database.statement(READ).get(tenant, month);
    if (!row) return NOTHING_BOOKED;
    return { spentMicroUsd: number(row[0]), reservedMicroUsd: number(row[1]) };
  }
}

/** Books what reservations came to. Part of a transaction of the caller's. */
export function settleBudget(
  database: Database,
  tenant: string,
  month: string,
  sums: Pick<BudgetSettlement, 'reservedMicroUsd' | 'spentMicroUsd'>,
): void {
  database.statement(SETTLE).run(tenant, month, sums.spentMicroUsd, sums.reservedMicroUsd);
}
