import type { CallStore } from '../../ports/call-store.ts';
import { text } from './columns.ts';
import type { Database } from './database.ts';

const CLAIM = `
  INSERT INTO calls (tenant, id, fingerprint) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`;
const READ = 'SELECT fingerprint FROM calls WHERE tenant = ? AND id = ?';

/** Calls under a key, in one SQLite database. */
export class SqliteCallStore implements CallStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async claim(tenant: string, callId: string, fingerprint: string): Promise<boolean> {
    const stands = this.#database.transaction(() => {
      this.#database.statement(CLAIM).run(tenant, callId, fingerprint);
      return text(this.#database.statement(READ).get(tenant, callId)?.[0]);
    });
    await this.#database.flush();
    return stands === fingerprint;
  }
}
