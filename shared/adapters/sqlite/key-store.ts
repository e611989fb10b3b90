import { type ApiKeyRecord, SCOPES } from '../../domain/api-key.ts';
import { AppError } from '../../domain/errors.ts';
import type { KeyStore } from '../../ports/key-store.ts';
import { number, numberOrNull, text } from './columns.ts';
import type { Database } from './database.ts';
import type { Row } from './rows.ts';

const COLUMNS = `id, tenant, name, scopes, monthly_budget_micro_usd, created_at_ms,
  revoked_at_ms`;

const INSERT = `
  INSERT INTO api_keys (digest, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING`;
const FIND_BY_DIGEST = `SELECT ${COLUMNS} FROM api_keys WHERE digest = ?`;
const FIND_BY_ID = `SELECT ${COLUMNS} FROM api_keys WHERE id = ?`;
const LIST = `SELECT ${COLUMNS} FROM api_keys ORDER BY created_at_ms DESC, seq DESC`;
const REVOKE = 'UPDATE api_keys SET revoked_at_ms = ? WHERE id = ? AND revoked_at_ms IS NULL';

/** API keys in one SQLite database. */
export class SqliteKeyStore implements KeyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(record: ApiKeyRecord, digest: string): Promise<void> {
    const { changes } = this.#database.transaction(() =>
      this.#database
        .statement(INSERT)
        .run(
          digest,
          record.id,
          record.tenant,
          record.name,
          JSON.stringify(record.scopes),
          record.monthlyBudgetMicroUsd,
          record.createdAtMs,
          record.revokedAtMs,
        ),
    );
    if (changes === 0) {
      throw new AppError(
        'state_conflict',
        `The key ${record.id} is there already, or another id has the same key. Create it anew.`,
        { details: { id: record.id } },
      );
    }
    await this.#database.flush();
  }

  async findByDigest(digest: string): Promise<ApiKeyRecord | null> {
    const row = this.#database.statement(FIND_BY_DIGEST).get(digest);
    return row ? readRecord(row) : null;
  }

  async list(): Promise<ApiKeyRecord[]> {
    return this.#database.statement(LIST).all().map(readRecord);
  }

  async revoke(id: string, atMs: number): Promise<ApiKeyRecord | null> {
    this.#database.transaction(() => this.#database.statement(REVOKE).run(atMs, id));
    await this.#database.flush();
    const row = this.#database.statement(FIND_BY_ID).get(id);
    return row ? readRecord(row) : null;
  }
}

function readRecord(row: Row): ApiKeyRecord {
  const named: unknown = JSON.parse(text(row[3]));
  return {
    id: text(row[0]),
    tenant: text(row[1]),
    name: text(row[2]),
    scopes: SCOPES.filter((scope) => Array.isArray(named) && named.includes(scope)),
    monthlyBudgetMicroUsd: numberOrNull(row[4]),
    createdAtMs: number(row[5]),
    revokedAtMs: numberOrNull(row[6]),
  };
}
