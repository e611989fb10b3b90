import type { WebhookEventType } from '../domain/webhooks/webhook-event.ts';

/** One event on its way to one endpoint. */
export interface Delivery {
  readonly tenant: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly type: WebhookEventType;
  /** What is sent, byte for byte the same on every try. */
  readonly body: string;
  readonly createdAtMs: number;
}

export type DeliveryStatus = 'pending' | 'delivered' | 'failed';

/** A delivery as its owner sees it. */
export interface DeliveryView extends Delivery {
  readonly status: DeliveryStatus;
  /** Tries so far. */
  readonly attempts: number;
  /** When it is tried next, or a try under way is given up for lost. */
  readonly dueAtMs: number;
  /** What was wrong with the last try; `null` when nothing was. */
  readonly fault: string | null;
}

/** A delivery that is ours until the lease ends. */
export interface LeasedDelivery extends DeliveryView {
  /** Grows with each lease: who settles with an older one is too late. */
  readonly fence: number;
}

/** What a lease ends in: another try later, or an end. */
export interface Settlement {
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** When a pending one is due again. */
  readonly dueAtMs: number;
  readonly fault: string | null;
}

/** How much is leased, of what is due when, and until when. */
export interface LeaseTerms {
  readonly nowMs: number;
  readonly untilMs: number;
  readonly limit: number;
}

/** Deliveries and when they are due. Finding what is due costs what is found, however many there are. */
export interface DeliveryStore {
  /**
   * Takes deliveries in, due at `createdAtMs`. One of the same tenant, endpoint and event that is
   * there already, ended or not, stays as it is. Durable on return, one by one.
   */
  add(deliveries: readonly Delivery[]): Promise<void>;
  /**
   * Leases what is due until `untilMs`, at most `limit`, the longest due first or nearly so. Each is
   * leased by one caller; a lease that is not settled in time ends by itself.
   */
  lease(terms: LeaseTerms): Promise<LeasedDelivery[]>;
  /** False, and nothing changes, when the lease has gone to somebody else. */
  settle(delivery: LeasedDelivery, settlement: Settlement): Promise<boolean>;
  /** An endpoint's last deliveries, newest first. */
  list(tenant: string, endpointId: string, limit: number): Promise<DeliveryView[]>;
}
