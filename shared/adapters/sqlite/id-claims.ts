import type { IdClaim, IdClaims } from '../../ports/id-claims.ts';
import { text } from './columns.ts';
import type { Database } from './database.ts';

const CLAIM = `
  INSERT INTO id_claims (tenant, key, fingerprint, id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const READ = 'SELECT fingerprint, id FROM id_claims WHERE tenant = ? AND key = ?';

/** Keys under which something is made once, in one SQLite database. */
export class SqliteIdClaims implements IdClaims {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async find(tenant: string, key: string): Promise<IdClaim | null> {
    const row = this.#database.statement(READ).get(tenant, key);
    return row === undefined ? null : { fingerprint: text(row[0]), id: text(row[1]) };
  }

  async claim(tenant: string, key: string, claim: IdClaim): Promise<IdClaim> {
    const standing = this.#database.transaction(() => {
      this.#database.statement(CLAIM).run(tenant, key, claim.fingerprint, claim.id);
      const row = this.#database.statement(READ).get(tenant, key);
      return { fingerprint: text(row?.[0]), id: text(row?.[1]) };
    });
    await this.#database.flush();
    return standing;
  }
}
