import type { WebhookEndpoint } from '../../domain/webhooks/webhook-endpoint.ts';
import type { WebhookStore } from '../../ports/webhook-store.ts';
import { text } from './columns.ts';
import type { Database } from './database.ts';
import type { Row } from './rows.ts';

const INSERT = `
  INSERT INTO webhook_endpoints (tenant, id, version, created_at_ms, endpoint)
  VALUES (?, ?, ?, ?, ?)`;
const FIND = 'SELECT endpoint FROM webhook_endpoints WHERE tenant = ? AND id = ?';
const LIST = `
  SELECT endpoint FROM webhook_endpoints WHERE tenant = ? ORDER BY created_at_ms, id`;
const REPLACE = `
  UPDATE webhook_endpoints SET version = ?, endpoint = ?
  WHERE tenant = ? AND id = ? AND version = ?`;
const REMOVE = 'DELETE FROM webhook_endpoints WHERE tenant = ? AND id = ?';

/** Endpoints of webhooks in one SQLite database, secrets among them: guard the file. */
export class SqliteWebhookStore implements WebhookStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(endpoint: WebhookEndpoint): Promise<void> {
    const { tenant, id, version, createdAtMs } = endpoint;
    await this.#write(INSERT, tenant, id, version, createdAtMs, JSON.stringify(endpoint));
  }

  async find(tenant: string, id: string): Promise<WebhookEndpoint | null> {
    const row = this.#database.statement(FIND).get(tenant, id);
    return row ? readEndpoint(row) : null;
  }

  async list(tenant: string): Promise<WebhookEndpoint[]> {
    return this.#database.statement(LIST).all(tenant).map(readEndpoint);
  }

  async replace(endpoint: WebhookEndpoint): Promise<boolean> {
    const { tenant, id, version } = endpoint;
    const changes = await this.#write(
      REPLACE,
      version,
      JSON.stringify(endpoint),
      tenant,
      id,
      version - 1,
    );
    return changes > 0;
  }

  async remove(tenant: string, id: string): Promise<boolean> {
    return (await this.#write(REMOVE, tenant, id)) > 0;
  }

  async #write(sql: string, ...values: readonly (string | number)[]): Promise<number> {
    const { changes } = this.#database.transaction(() =>
      this.#database.statement(sql).run(...values),
    );
    await this.#database.flush();
    return Number(changes);
  }
}

/** Only this store writes the column, and it writes what the port takes. */
function readEndpoint(row: Row): WebhookEndpoint {
  const endpoint: WebhookEndpoint = JSON.parse(text(row[0]));
  return endpoint;
}
