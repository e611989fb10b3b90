import { Webhook } from 'standardwebhooks';
import type { SignWebhook } from '../../ports/webhook-sender.ts';

/** Signs by the Standard Webhooks scheme: one `v1` signature for each secret, spaces between. */
export const signWebhook: SignWebhook = ({ secrets, id, atSeconds, body }) =>
  secrets
    .map((secret) => new Webhook(secret).sign(id, new Date(atSeconds * 1_000), body))
    .join(' ');
