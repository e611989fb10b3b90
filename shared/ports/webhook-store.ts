import type { WebhookEndpoint } from '../domain/webhooks/webhook-endpoint.ts';

/** Where tenants want to be told of what has ended. Durable on return; reads see every write before. */
export interface WebhookStore {
  /** Stores a new endpoint. @throws when its id is taken. */
  create(endpoint: WebhookEndpoint): Promise<void>;
  /** `null` when the tenant has none with that id. */
  find(tenant: string, id: string): Promise<WebhookEndpoint | null>;
  /** All of a tenant, oldest first. */
  list(tenant: string): Promise<WebhookEndpoint[]>;
  /**
   * Puts the endpoint in place of the one with the version before its own; false when that is not
   * what stands. Atomic.
   */
  replace(endpoint: WebhookEndpoint): Promise<boolean>;
  /** False when there was none. */
  remove(tenant: string, id: string): Promise<boolean>;
}
