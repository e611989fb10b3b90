import fc from 'fast-check';
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { readProviderWebhook } from '../../../../../shared/adapters/providers/native/provider-webhook.ts';

const SECRET = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
const SENT_AT = 1_767_225_600;
const NOW = SENT_AT * 1_000 + 1_500;
const EVENT = {
  id: 'evt_1',
  object: 'event',
  created_at: SENT_AT,
  type: 'batch.completed',
  data: { id: 'batch_1' },
};

function signed(body: string, { secret = SECRET, id = 'wh_1', atSeconds = SENT_AT } = {}) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    'webhook-signature': new Webhook(secret).sign(id, new Date(atSeconds * 1_000), body),
  };
}
const read = (
  body: string,
  headers: Record<string, string | undefined> = signed(body),
  nowMs = NOW,
  secret = SECRET,
) => readProviderWebhook(headers, body, secret, nowMs);
const BODY = JSON.stringify(EVENT);

describe('a webhook', () => {
  it.each(['completed', 'failed', 'cancelled', 'expired'])('that says batch.%s', (what) => {
    const body = JSON.stringify({ ...EVENT, type: `batch.${what}` });
    expect(read(body)).toEqual({
      kind: 'batch',
      webhookId: 'wh_1',
      type: `batch.${what}`,
      providerBatchId: 'batch_1',
    });
  });

  it('has headers of any case, and one signature among several that fits', () => {
    const given = signed(BODY);
    const signature = `v1,AAAA v1a,xyz ${given['webhook-signature']}`;
    const headers = {
      'Webhook-Id': 'wh_1',
      'WEBHOOK-TIMESTAMP': String(SENT_AT),
      'Webhook-Signature': signature,
    };
    expect(read(BODY, headers).kind).toBe('batch');
  });

  it('is the same to the openai package', async () => {
    const client = new OpenAI({ apiKey: 'x', webhookSecret: SECRET });
    const now = Math.floor(Date.now() / 1_000);
    const headers = signed(BODY, { atSeconds: now });
    const event = await client.webhooks.unwrap(BODY, headers);
    expect(event.type).toBe('batch.completed');
    expect(read(BODY, headers, Date.now()).kind).toBe('batch');
  });

  it('about something else is genuine, and to be ignored', () => {
    const body = JSON.stringify({ type: 'response.completed', data: { id: 'resp_1' } });
    expect(read(body)).toEqual({ kind: 'ignored', webhookId: 'wh_1', type: 'response.completed' });
  });

  it('counts for five minutes, on both sides', () => {
    const atMs = SENT_AT * 1_000;
    expect(read(BODY, signed(BODY), atMs + 300_000).kind).toBe('batch');
    expect(read(BODY, signed(BODY), atMs - 300_000).kind).toBe('batch');
    expect(read(BODY, signed(BODY), atMs + 300_001).kind).toBe('refused');
    expect(read(BODY, signed(BODY), atMs - 300_001).kind).toBe('refused');
  });

  it('is refused where anything was changed', () => {
    const good = signed(BODY);
    const refused: [body: string, headers: Record<string, string | undefined>][] = [
      [BODY.replace('batch_1', 'batch_2'), good],
      [`${BODY} `, good],
      [BODY, { ...good, 'webhook-id': 'wh_2' }],
      [BODY, { ...good, 'webhook-timestamp': String(SENT_AT + 1) }],
      [BODY, { ...good, 'webhook-timestamp': `${SENT_AT}.0` }],
      [BODY, { ...good, 'webhook-timestamp': `${SENT_AT}x` }],
      [BODY, { ...good, 'webhook-signature': good['webhook-signature'].slice(0, -2) }],
      [BODY, { ...good, 'webhook-signature': good['webhook-signature'].replace('v1,', 'v2,') }],
      [BODY, { ...good, 'webhook-signature': '' }],
      [BODY, { ...good, 'webhook-signature': undefined }],
      [BODY, {}],
      [BODY, signed(BODY, { secret: `whsec_${Buffer.from('another secret').toString('base64')}` })],
      ['x'.repeat(70_000), signed('x'.repeat(70_000))],
    ];
    for (const [body, headers] of refused) expect(read(body, headers).kind).toBe('refused');
  });

  it('is refused when it is signed and says nothing', () => {
    for (const body of [
      '',
      '{',
      'null',
      '[]',
      '{}',
      '{"type":"batch.completed"}',
      '{"type":"batch.completed","data":{"id":"a b"}}',
    ]) {
      expect(read(body).kind).toBe('refused');
    }
  });

  it('is refused under a secret that is none, and taken under one without a prefix', () => {
    expect(read(BODY, signed(BODY), NOW, 'whsec_').kind).toBe('refused');
    expect(read(BODY, signed(BODY), NOW, '').kind).toBe('refused');
    expect(read(BODY, signed(BODY), NOW, 'whsec_%%%').kind).toBe('refused');
    const plain = 'a plain secret';
    const headers = signed(BODY, { secret: `whsec_${Buffer.from(plain).toString('base64')}` });
    expect(read(BODY, headers, NOW, plain).kind).toBe('batch');
  });

  it('never throws', () => {
    const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature', '__proto__'];
    const headers = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(fc.string(), fc.constant(undefined)),
    );
    fc.assert(
      fc.property(headers, fc.string(), fc.string(), (given, body, secret) => {
        expect(read(body, given, NOW, secret).kind).toBe('refused');
      }),
    );
  });
});
