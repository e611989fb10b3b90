import type { CapacityState } from '../../domain/capacity/capacity-state.ts';
import type { CapacityStore } from '../../ports/capacity-store.ts';
import { text } from './columns.ts';
import type { Database } from './database.ts';

const READ_STATE = 'SELECT state FROM capacity WHERE model = ?';
const READ_ALL = 'SELECT model, state FROM capacity';
const WRITE_STATE = `
  INSERT INTO capacity (model, version, state) VALUES (?, 1, ?)
  ON CONFLICT DO UPDATE SET version = version + 1, state = excluded.state`;

/** What is known of each model's limits, in one SQLite database. */
export class SqliteCapacityStore implements CapacityStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async transact<Value>(
    model: string,
    step: (state: CapacityState | null) => { state: CapacityState; value: Value },
  ): Promise<Value> {
    return this.#database.transaction(() => {
      const row = this.#database.statement(READ_STATE).get(model);
      const { state, value } = step(row ? parse(text(row[0])) : null);
      this.#database.statement(WRITE_STATE).run(model, JSON.stringify(state));
      return value;
    });
  }

  async snapshot(): Promise<Map<string, CapacityState>> {
    const rows = this.#database.statement(READ_ALL).all();
    return new Map(rows.map((row) => [text(row[0]), parse(text(row[1]))]));
  }
}

/** Only `transact` writes the column, so it holds what the domain made. */
function parse(json: string): CapacityState {
  return JSON.parse(json);
}
