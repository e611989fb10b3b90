import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import {
  toldWebhookSchema,
  webhookListSchema,
  webhookSchema,
} from '../../../../shared/contracts/api.ts';
import { problemSchema } from '../../../../shared/contracts/problem.ts';
import { type ApiSetUp, post, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const KEYS = [
  { key: 'a-writer-of-team-a', tenant: 'a', scopes: ['read', 'write'] as const },
  { key: 'a-writer-of-team-b', tenant: 'b', scopes: ['read', 'write'] as const },
  { key: 'a-reader-of-team-a', tenant: 'a', scopes: ['read'] as const },
];
const bearing = (key: string) => ({ authorization: `Bearer ${key}` });
const [OURS, THEIRS, READER] = KEYS.map(({ key }) => bearing(key));

function start(setUp: Partial<ApiSetUp> = {}) {
  const clock = new FakeClock();
  const api = startApi({ clock, keys: KEYS, ...setUp });
  const send = async (path: string, init: RequestInit = { headers: OURS ?? {} }) => {
    const response = await api.app.request(path, init);
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  };
  const add = async (wish: object) =>
    toldWebhookSchema.parse((await send('/v1/webhooks', post(wish, OURS))).body);
  return { ...api, clock, send, add };
}

describe('endpoints', () => {
  it('show their secret once, and are told of batches unless they ask for more', async () => {
    const { add, send } = start();
    const { secret, ...told } = await add({ url: 'https://example.com/hook' });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(told).toMatchObject({
      url: 'https://example.com/hook',
      events: ['batch.completed', 'batch.failed', 'batch.expired', 'batch.cancelled'],
      disabled: null,
      last_secret_until_ms: null,
    });
    const one = await send(`/v1/webhooks/${told.id}`);
    expect(webhookSchema.parse(one.body)).toEqual(told);
    const list = await send('/v1/webhooks');
    expect(webhookListSchema.parse(list.body).data).toEqual([told]);
    expect(JSON.stringify([one, list])).not.toContain(secret);
    expect(JSON.stringify([one, list])).not.toContain('whsec_');
  });

  it('get a new secret beside which the last one signs for a day', async () => {
    const { add, send, clock } = start();
    const { id, secret } = await add({ url: 'https://example.com/' });
    const path = `/v1/webhooks/${id}/rotate`;
    const rotated = toldWebhookSchema.parse((await send(path, post('', OURS))).body);
    expect(rotated.secret).not.toBe(secret);
    expect(rotated.last_secret_until_ms).toBe(clock.nowMs() + 24 * 3_600_000);
  });

  it('are changed, stopped, started and removed', async () => {
    const { add, send, clock } = start();
    const { id } = await add({ url: 'https://example.com/' });
    const path = `/v1/webhooks/${id}`;
    const change = async (wish: object) => (await send(path, post(wish, OURS))).body;
    expect(await change({ events: ['request.completed'] })).toMatchObject({
      url: 'https://example.com/',
      events: ['request.completed'],
    });
    const disabled = { reason: 'requested', at_ms: clock.nowMs() };
    expect(await change({ disabled: true })).toMatchObject({ disabled });
    expect(await change({ disabled: false, url: 'https://example.org/' })).toMatchObject({
      disabled: null,
      url: 'https://example.org/',
    });
    const deliveries = await send(`${path}/deliveries`);
    expect(deliveries).toEqual({ status: 200, body: { object: 'list', data: [] } });
    expect((await send(path, { method: 'DELETE', headers: OURS ?? {} })).status).toBe(204);
    expect((await send(path)).status).toBe(404);
  });

  it('of another tenant are as unknown as those nobody has, by every route', async () => {
    const { add, send } = start();
    const { id } = await add({ url: 'https://example.com/' });
    const calls = (one: string): [string, RequestInit][] => [
      [`/v1/webhooks/${one}`, { headers: THEIRS ?? {} }],
      [`/v1/webhooks/${one}`, post({ disabled: true }, THEIRS)],
      [`/v1/webhooks/${one}`, { method: 'DELETE', headers: THEIRS ?? {} }],
      [`/v1/webhooks/${one}/rotate`, post('', THEIRS)],
      [`/v1/webhooks/${one}/deliveries`, { headers: THEIRS ?? {} }],
    ];
    const unknown = 'whk_00000000000000000000000';
    const nobodys = calls(unknown);
    for (const [index, [path, init]] of calls(id).entries()) {
      const theirs = await send(path, init);
      const [other = '', otherInit] = nobodys[index] ?? [];
      const none = await send(other, otherInit);
      expect(theirs.status).toBe(404);
      const shown = (answer: unknown, name: string) =>
        JSON.stringify(answer)
          .replaceAll(name, 'ID')
          .replace(/call_\w+/, 'CALL');
      expect(shown(theirs, id)).toBe(shown(none, unknown));
    }
    expect((await send('/v1/webhooks', { headers: THEIRS ?? {} })).body.data).toEqual([]);
    expect((await send(`/v1/webhooks/${id}`)).body.disabled).toBeNull();
  });

  it('are for writers; readers may look', async () => {
    const { send } = start();
    const refused = await send('/v1/webhooks', post({ url: 'https://example.com/' }, READER));
    expect(refused.status).toBe(403);
    expect((await send('/v1/webhooks', { headers: READER ?? {} })).status).toBe(200);
  });

  it('must be public, named by the field that is wrong', async () => {
    const { send } = start({ resolve: async () => ['10.0.0.7'] });
    for (const url of ['https://internal.example/', 'https://127.0.0.1/', 'http://example.com/']) {
      const { status, body } = await send('/v1/webhooks', post({ url }, OURS));
      expect(status).toBe(400);
      const { errors, detail } = problemSchema.parse(body);
      expect(errors[0]?.pointer).toBe('/url');
      // What names lead to inside is nobody's business.
      expect(detail).not.toContain('10.0.0.7');
    }
  });

  it('are checked again when their URL is changed', async () => {
    const { send, add } = start();
    const { id } = await add({ url: 'https://example.com/' });
    const wish = { url: 'https://169.254.169.254/latest/meta-data' };
    expect((await send(`/v1/webhooks/${id}`, post(wish, OURS))).status).toBe(400);
    expect((await send(`/v1/webhooks/${id}`)).body.url).toBe('https://example.com/');
  });

  it('are twenty at most, with known events only', async () => {
    const { send, add } = start();
    for (let count = 0; count < 20; count += 1) await add({ url: 'https://example.com/' });
    const wish = { url: 'https://example.com/' };
    expect((await send('/v1/webhooks', post(wish, OURS))).status).toBe(400);
    for (const bad of [{}, { url: 7 }, { ...wish, events: [] }, { ...wish, events: ['all'] }]) {
      expect((await send('/v1/webhooks', post(bad, OURS))).status).toBe(400);
    }
  });
});

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describe("a provider's webhook", () => {
  function startProvider(isOurs = true) {
    const polled: string[] = [];
    const api = start({
      webhookSecrets: { openai: SECRET },
      polling: {
        async pollSoon(provider, id) {
          polled.push(`${provider}/${id}`);
          return isOurs;
        },
      },
    });
    const signed = (id: string, body: string, atMs = api.clock.nowMs(), secret = SECRET) => ({
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(atMs / 1_000)),
        'webhook-signature': new Webhook(secret).sign(id, new Date(atMs), body),
      },
      body,
    });
    const path = '/v1/provider-webhooks/openai';
    return { ...api, polled, signed, path };
  }
  const event = (type = 'batch.completed') =>
    JSON.stringify({ id: 'evt_1', object: 'event', type, data: { id: 'batch_9' } });

  it('has its batch looked at soon, once, though it comes again', async () => {
    const { send, signed, path, polled, clock } = startProvider();
    const taken = { status: 200, body: { received: true } };
    expect(await send(path, signed('wh_1', event()))).toEqual(taken);
    expect(await send(path, signed('wh_1', event()))).toEqual(taken);
    expect(await send(path, signed('wh_1', event(), clock.nowMs() + 60_000))).toEqual(taken);
    expect(polled).toEqual(['openai/batch_9']);
    expect(await send(path, signed('wh_2', event('batch.expired')))).toEqual(taken);
    expect(polled).toHaveLength(2);
  });

  it('about anything else, or a batch of somebody else, is acknowledged', async () => {
    const { send, signed, path, polled } = startProvider(false);
    expect((await send(path, signed('wh_1', event('response.completed')))).status).toBe(200);
    expect(polled).toEqual([]);
    expect((await send(path, signed('wh_2', event()))).status).toBe(200);
  });

  it('that is forged, altered, old or unsigned is refused and does nothing', async () => {
    const { send, signed, path, polled, clock } = startProvider();
    const good = signed('wh_1', event());
    const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
    const bad: RequestInit[] = [
      signed('wh_1', event(), clock.nowMs(), other),
      signed('wh_1', event(), clock.nowMs() - 301_000),
      signed('wh_1', event(), clock.nowMs() + 301_000),
      { ...good, body: event('batch.failed') },
      { ...good, headers: { ...good.headers, 'webhook-id': 'wh_2' } },
      { ...good, headers: { ...good.headers, 'webhook-signature': '' } },
      { method: 'POST', body: event() },
    ];
    for (const init of bad) {
      const { status, body } = await send(path, init);
      expect(status).toBe(401);
      expect(problemSchema.parse(body).code).toBe('signature_refused');
    }
    expect(polled).toEqual([]);
    expect((await send(path, good)).status).toBe(200);
  });

  it('of a provider without a secret finds nothing, and one that is too large is not read', async () => {
    const { send, signed, path } = startProvider();
    expect((await send('/v1/provider-webhooks/claude', signed('wh_1', event()))).status).toBe(404);
    const large = { method: 'POST', body: 'a'.repeat(70_000) };
    expect((await send(path, large)).status).toBe(413);
  });

  it('whose effect failed comes again and has it then', async () => {
    let isDown = true;
    const polled: string[] = [];
    const { send, signed, path } = (() => {
      const base = startProvider();
      const api = start({
        clock: base.clock,
        webhookSecrets: { openai: SECRET },
        polling: {
          async pollSoon(_provider, id) {
            if (isDown) throw new Error('no table');
            polled.push(id);
            return true;
          },
        },
      });
      return { ...base, send: api.send };
    })();
    expect((await send(path, signed('wh_1', event()))).status).toBe(500);
    isDown = false;
    expect((await send(path, signed('wh_1', event()))).status).toBe(200);
    expect(polled).toEqual(['batch_9']);
  });
});
