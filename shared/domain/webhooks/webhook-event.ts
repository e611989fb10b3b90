import { createHash } from 'node:crypto';

/** What an endpoint may ask to be told; names and shape are OpenAI's where OpenAI has the event. */
export const WEBHOOK_EVENTS = [
  'request.completed',
  'batch.completed',
  'batch.failed',
  'batch.expired',
  'batch.cancelled',
] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENTS)[number];

/** What an endpoint is told that asks for nothing in particular. */
export const BATCH_EVENTS: readonly WebhookEventType[] = WEBHOOK_EVENTS.filter((type) =>
  type.startsWith('batch.'),
);

/** How a batch can end. */
export type BatchEnd = 'completed' | 'failed' | 'expired' | 'cancelled';

/** Something of a tenant's that has ended, once and for all. */
export type CompletionEvent =
  | {
      readonly kind: 'batch';
      readonly tenant: string;
      readonly batchId: string;
      readonly state: BatchEnd;
      readonly endedAtMs: number;
    }
  | {
      readonly kind: 'request';
      readonly tenant: string;
      readonly requestId: string;
      readonly customId: string | null;
      readonly status: 'succeeded' | 'failed' | 'cancelled' | 'expired';
      readonly endedAtMs: number;
    };

/** An event as it is sent: to endpoints byte for byte, to a bus as its detail. */
export interface WebhookMessage {
  /** The same for the same end, whoever tells of it and however often. Sent as `webhook-id`. */
  readonly id: string;
  readonly type: WebhookEventType;
  /** JSON, far below the 20 kB that receivers may count on. */
  readonly body: string;
}

const ID_CHARACTERS = 32;

/** The event under an id made of what ended and how, in the shape of OpenAI's events. */
export function messageOf(event: CompletionEvent): WebhookMessage {
  const type = typeOf(event);
  const id = `evt_${digestOf(event)}`;
  const body = JSON.stringify({
    id,
    object: 'event',
    created_at: Math.floor(event.endedAtMs / 1_000),
    type,
    data:
      event.kind === 'batch'
        ? { id: event.batchId }
        : { id: event.requestId, custom_id: event.customId, status: event.status },
  });
  return { id, type, body };
}

function typeOf(event: CompletionEvent): WebhookEventType {
  return event.kind === 'batch' ? `batch.${event.state}` : 'request.completed';
}

/** A request ends once, whatever it ends as; so does a batch, but who tells may see it differently. */
function digestOf(event: CompletionEvent): string {
  const parts =
    event.kind === 'batch'
      ? [event.tenant, 'batch', event.batchId, event.state]
      : [event.tenant, 'request', event.requestId];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, ID_CHARACTERS);
}
