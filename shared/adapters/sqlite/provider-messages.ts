import type { ProviderMessages } from '../../ports/provider-webhooks.ts';
import type { Database } from './database.ts';

const FIND = 'SELECT 1 FROM provider_messages WHERE provider = ? AND webhook_id = ?';
const NOTE = `
  INSERT INTO provider_messages (provider, webhook_id, noted_at_ms) VALUES (?, ?, ?)
  ON CONFLICT DO NOTHING`;
const FORGET = 'DELETE FROM provider_messages WHERE noted_at_ms < ?';

/** A provider sends again for three days. Source: OpenAI's guide to webhooks, read 2026-11-23. Unit: ms. */
const KEPT_MS = 4 * 86_400_000;

/** Messages of providers that have had their effect, in one SQLite database. */
export class SqliteProviderMessages implements ProviderMessages {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async isKnown(provider: string, webhookId: string): Promise<boolean> {
    return this.#database.statement(FIND).get(provider, webhookId) !== undefined;
  }

  async note(provider: string, webhookId: string, atMs: number): Promise<void> {
    this.#database.transaction(() => {
      this.#database.statement(FORGET).run(atMs - KEPT_MS);
      this.#database.statement(NOTE).run(provider, webhookId, atMs);
    });
    await this.#database.flush();
  }
}
