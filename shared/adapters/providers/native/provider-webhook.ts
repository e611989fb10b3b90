import { timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { ProviderWebhook } from '../../../ports/provider-webhooks.ts';
import { isRecord, parseJson } from '../json.ts';
import { idIn } from './view-fields.ts';

/** How far a sender's clock, and a copy of its message, may be from now. Unit: s. */
const TOLERANCE_SECONDS = 300;
const LONGEST_BODY = 65_536;
const MOST_SIGNATURES = 16;
const WEBHOOK_ID = /^[\x21-\x7e]{1,256}$/;

/**
 * Verifies a message by the Standard Webhooks scheme (OpenAI's) and reads what it is about.
 * `body` is the text as it came; header names may be of any case. A secret that begins with
 * `whsec_` is base64, any other is taken as it is.
 */
export function readProviderWebhook(
  headers: Readonly<Record<string, string | undefined>>,
  body: string,
  secret: string,
  nowMs: number,
): ProviderWebhook {
  const refused = (reason: string): ProviderWebhook => ({ kind: 'refused', reason });
  const byName = new Map(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text]));
  const webhookId = byName.get('webhook-id') ?? '';
  const timestamp = byName.get('webhook-timestamp') ?? '';
  const signatures = byName.get('webhook-signature') ?? '';
  if (!WEBHOOK_ID.test(webhookId)) return refused('It has no webhook-id');
  if (!/^\d{1,12}$/.test(timestamp)) return refused('Its webhook-timestamp is no instant');
  if (body.length > LONGEST_BODY) return refused('Its body is larger than any event');
  const sentAtSeconds = Number(timestamp);
  if (Math.abs(nowMs / 1_000 - sentAtSeconds) > TOLERANCE_SECONDS) {
    return refused('Its webhook-timestamp is more than five minutes from now');
  }
  const expected = sign({ webhookId, sentAtSeconds, body, secret });
  if (expected === null) return refused('The secret of the webhook cannot be used; set it anew');
  const isGenuine = signatures
    .split(' ', MOST_SIGNATURES)
    .some((signature) => isSame(signature, expected));
  if (!isGenuine) return refused('None of its signatures fits');

  const event = parseJson(body);
  const type = isRecord(event) ? event['type'] : null;
  if (!isRecord(event) || typeof type !== 'string') return refused('Its body is no event');
  if (!type.startsWith('batch.')) return { kind: 'ignored', webhookId, type };
  const data = event['data'];
  const providerBatchId = isRecord(data) ? idIn(data['id']) : null;
  return providerBatchId === null
    ? refused('It names no batch')
    : { kind: 'batch', webhookId, type, providerBatchId };
}

interface Signed {
  readonly webhookId: string;
  readonly sentAtSeconds: number;
  readonly body: string;
  readonly secret: string;
}

/** The library's own check reads the clock of the machine; signing anew and comparing does not. */
function sign({ webhookId, sentAtSeconds, body, secret }: Signed): string | null {
  try {
    const webhook = secret.startsWith('whsec_')
      ? new Webhook(secret)
      : new Webhook(Buffer.from(secret), { format: 'raw' });
    return webhook.sign(webhookId, new Date(sentAtSeconds * 1_000), body);
  } catch {
    return null;
  }
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
