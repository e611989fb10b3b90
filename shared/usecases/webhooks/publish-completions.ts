import { type WebhookEndpoint, wants } from '../../domain/webhooks/webhook-endpoint.ts';
import { messageOf } from '../../domain/webhooks/webhook-event.ts';
import type { Clock } from '../../ports/clock.ts';
import type { BusEvent, CompletionEvents, EventBus } from '../../ports/completion-events.ts';
import type { Delivery, DeliveryStore } from '../../ports/delivery-store.ts';
import type { WebhookStore } from '../../ports/webhook-store.ts';

export interface PublishCompletionsDeps {
  readonly webhooks: WebhookStore;
  readonly deliveries: DeliveryStore;
  /** `null` in a home that has none. */
  readonly bus: EventBus | null;
  readonly clock: Clock;
}

/**
 * Puts ends on their way: to every endpoint that asked, and to the bus. Of batches the bus hears
 * always; of single requests only where an endpoint of the tenant asks for them too, since there
 * are thousands of times as many and each is paid for.
 */
export function createPublishCompletions(deps: PublishCompletionsDeps): CompletionEvents {
  const { webhooks, deliveries, bus, clock } = deps;

  return {
    async publish(events) {
      const due: Delivery[] = [];
      const forBus: BusEvent[] = [];
      const endpoints = await endpointsOf(new Set(events.map(({ tenant }) => tenant)));
      for (const event of events) {
        const { tenant } = event;
        const message = messageOf(event);
        const receivers = (endpoints.get(tenant) ?? []).filter((one) => wants(one, message.type));
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

  /** Read anew for each group: an endpoint is told of all that ends once it stands. */
  async function endpointsOf(
    tenants: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, WebhookEndpoint[]>> {
    const pairs = [...tenants].map(
      async (tenant) => [tenant, await webhooks.list(tenant)] as const,
    );
    return new Map(await Promise.all(pairs));
  }
}
