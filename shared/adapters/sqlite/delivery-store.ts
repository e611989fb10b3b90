import { WEBHOOK_EVENTS } from '../../domain/webhooks/webhook-event.ts';
import type {
  Delivery,
  DeliveryStore,
  DeliveryView,
  LeasedDelivery,
  LeaseTerms,
  Settlement,
} from '../../ports/delivery-store.ts';
import { number, text, textOrNull, word } from './columns.ts';
import type { Database } from './database.ts';
import type { Row } from './rows.ts';

const COLUMNS = `tenant, endpoint_id, event_id, type, body, created_at_ms, status, attempts,
  due_at_ms, fault, fence`;

const INSERT = `
  INSERT INTO webhook_deliveries (${COLUMNS})
  VALUES (?, ?, ?, ?, ?, ?, 'pending', 0, ?, NULL, 0) ON CONFLICT DO NOTHING`;
const FORGET = `
  DELETE FROM webhook_deliveries
  WHERE tenant = ? AND endpoint_id = ? AND created_at_ms < ? AND status <> 'pending'`;
const LEASE = `
  UPDATE webhook_deliveries SET due_at_ms = ?, fence = fence + 1
  WHERE seq IN (
    SELECT seq FROM webhook_deliveries WHERE status = 'pending' AND due_at_ms <= ?
    ORDER BY due_at_ms LIMIT ?)
  RETURNING ${COLUMNS}`;
const SETTLE = `
  UPDATE webhook_deliveries SET status = ?, attempts = ?, due_at_ms = ?, fault = ?
  WHERE tenant = ? AND endpoint_id = ? AND event_id = ? AND fence = ? AND status = 'pending'`;
const LIST = `
  SELECT ${COLUMNS} FROM webhook_deliveries WHERE tenant = ? AND endpoint_id = ?
  ORDER BY created_at_ms DESC, seq DESC LIMIT ?`;

/** As long as a deployment keeps them unless told otherwise. Unit: ms. */
const KEPT_MS = 30 * 86_400_000;
const STATUSES = ['pending', 'delivered', 'failed'] as const;

/** Deliveries of webhooks in one SQLite database. */
export class SqliteDeliveryStore implements DeliveryStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(deliveries: readonly Delivery[]): Promise<void> {
    this.#database.transaction(() => {
      const insert = this.#database.statement(INSERT);
      const forget = this.#database.statement(FORGET);
      for (const { tenant, endpointId, eventId, type, body, createdAtMs } of deliveries) {
        forget.run(tenant, endpointId, createdAtMs - KEPT_MS);
        insert.run(tenant, endpointId, eventId, type, body, createdAtMs, createdAtMs);
      }
    });
    await this.#database.flush();
  }

  async lease({ nowMs, untilMs, limit }: LeaseTerms): Promise<LeasedDelivery[]> {
    const rows = this.#database.transaction(() =>
      this.#database.statement(LEASE).all(untilMs, nowMs, limit),
    );
    return rows.map((row) => ({ ...readView(row), fence: number(row[10]) }));
  }

  async settle(delivery: LeasedDelivery, settlement: Settlement): Promise<boolean> {
    const { tenant, endpointId, eventId, fence } = delivery;
    const { status, attempts, dueAtMs, fault } = settlement;
    const { changes } = this.#database.transaction(() =>
      this.#database
        .statement(SETTLE)
        .run(status, attempts, dueAtMs, fault, tenant, endpointId, eventId, fence),
    );
    await this.#database.flush();
    return changes > 0;
  }

  async list(tenant: string, endpointId: string, limit: number): Promise<DeliveryView[]> {
    return this.#database.statement(LIST).all(tenant, endpointId, limit).map(readView);
  }
}

function readView(row: Row): DeliveryView {
  return {
    tenant: text(row[0]),
    endpointId: text(row[1]),
    eventId: text(row[2]),
    type: word(row[3], WEBHOOK_EVENTS),
    body: text(row[4]),
    createdAtMs: number(row[5]),
    status: word(row[6], STATUSES),
    attempts: number(row[7]),
    dueAtMs: number(row[8]),
    fault: textOrNull(row[9]),
  };
}
