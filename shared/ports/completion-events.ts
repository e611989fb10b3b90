import type { CompletionEvent, WebhookMessage } from '../domain/webhooks/webhook-event.ts';

/**
 * Tells whoever asked that something has ended.
 *
 * Who notices an end calls this before it notes that the end was told, and again when it is not
 * sure: the same end is the same event, and a second telling changes nothing for endpoints. So
 * after a crash nothing is lost, and a receiver sees each end once or knows it by its id.
 */
export interface CompletionEvents {
  /** Resolves once all of it is durably on its way. Rejects when some may not be; then repeat. */
  publish(events: readonly CompletionEvent[]): Promise<void>;
}

/** An event for the systems of whoever runs the deployment. */
export interface BusEvent extends WebhookMessage {
  readonly tenant: string;
}

/** Where a deployment's own systems listen, such as EventBridge. */
export interface EventBus {
  /** Resolves once the bus has taken all of them; rejects when it has not. May take one twice. */
  put(events: readonly BusEvent[]): Promise<void>;
}
