import type { TurnaroundRecord } from '../../domain/lanes/turnaround.ts';
import type { TurnaroundStore } from '../../ports/turnaround-store.ts';
import { text } from './columns.ts';
import type { Database } from './database.ts';

const READ = 'SELECT record FROM turnarounds WHERE provider = ? AND model = ?';
const WRITE = `
  INSERT INTO turnarounds (provider, model, record) VALUES (?, ?, ?)
  ON CONFLICT DO UPDATE SET record = excluded.record`;

/** How long native batches take, in one SQLite database. */
export class SqliteTurnaroundStore implements TurnaroundStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async read(provider: string, model: string): Promise<TurnaroundRecord | null> {
    return this.#read(provider, model);
  }

  async update(
    provider: string,
    model: string,
    step: (record: TurnaroundRecord | null) => TurnaroundRecord,
  ): Promise<void> {
    this.#database.transaction(() => {
      const next = step(this.#read(provider, model));
      this.#database.statement(WRITE).run(provider, model, JSON.stringify(next));
    });
  }

  /** Only `update` writes the column, so it holds what the domain made. */
  #read(provider: string, model: string): TurnaroundRecord | null {
    const row = this.#database.statement(READ).get(provider, model);
    return row ? JSON.parse(text(row[0])) : null;
  }
}
