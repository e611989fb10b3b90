import type { TryOutcome } from '../domain/webhooks/webhook-schedule.ts';

/** One message, signed. */
export interface OutgoingWebhook {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Posts to endpoints, and only to where that is allowed. */
export interface WebhookSender {
  /** One POST, not redirected, not repeated, and bounded in time. Never rejects. */
  send(message: OutgoingWebhook): Promise<TryOutcome>;
}

/** Says before it is stored whether an endpoint's URL could be sent to now. */
export interface WebhookTargets {
  /** `null` when it could, else why not, to be said of the URL. */
  check(url: string): Promise<string | null>;
}

/** The value of `webhook-signature` for one message: a signature for each secret. */
export type SignWebhook = (message: {
  readonly secrets: readonly string[];
  readonly id: string;
  /** Whole seconds since the epoch. */
  readonly atSeconds: number;
  readonly body: string;
}) => string;
