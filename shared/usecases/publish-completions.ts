import { type WebhookEndpoint, wants } from '../domain/webhook-endpoint.ts';
import { messageOf } from '../domain/webhook-event.ts';
import type { Clock } from '../ports/clock.ts';
import type { BusEvent, CompletionEvents, EventBus } from '../ports/completion-events.ts';
import type { Delivery, DeliveryStore } from '../ports/delivery-store.ts';
import type { WebhookStore } from '../ports/webhook-store.ts';

export interface PublishCompletionsDeps {
  readonly webhooks: WebhookStore;
  readonly deliveries: DeliveryStore;
  /** `null` in a home that has none. */
  readonly bus: EventBus | null;
  readonly clock: Clock;
}

/** How long a tenant's endpoints are taken to be what they were. Unit: ms. */
const KEPT_MS = 10_000;
/** Tenants remembered at once. */
const MOST_TENANTS = 1_000;

/**
 * Puts ends on their way: to every endpoint that asked, and to the bus. Of batches the bus hears
 * always; of single requests only where an endpoint of the tenant asks for them too, since there
 * are thousands of times as many and each is paid for.
 */
export function createPublishCompletions(deps: PublishCompletionsDeps): CompletionEvents {
  const { webhooks, deliveries, bus, clock } = deps;
  const known = new Map<string, { readonly atMs: number; readonly all: WebhookEndpoint[] }>();

  return {
    async publish(events) {
      const due: Delivery[] = [];
      const forBus: BusEvent[] = [];
      for (const event of events) {
        const { tenant } = event;
        const message = messageOf(event);
        const receivers = (await endpointsOf(tenant)).filter((one) => wants(one, message.type));
        for (const { id: endpointId } of receivers) {
          const { id: eventId, type, body } = message;
          due.push({ tenant, endpointId, eventId, type, body, createdAtMs: clock.nowMs() });
        }
        if (event.kind === 'batch' || receivers.length > 0) forBus.push({ ...message, tenant });
      }
      if (due.length > 0) await deliveries.add(due);
      if (forBus.length > 0) await bus?.put(forBus);
    },
  };

  async function endpointsOf(tenant: string): Promise<WebhookEndpoint[]> {
    const nowMs = clock.nowMs();
    const found = known.get(tenant);
    if (found !== undefined && Math.abs(nowMs - found.atMs) < KEPT_MS) return found.all;
    const all = await webhooks.list(tenant);
    if (known.size >= MOST_TENANTS) known.clear();
    known.set(tenant, { atMs: nowMs, all });
    return all;
  }
}
