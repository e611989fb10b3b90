import { setTimeout as delay } from 'node:timers/promises';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startSimulator } from '../../../simulator/server.ts';
import { ADMIN_KEY, deployFunctions } from '../../support/deployed-functions.ts';

const MESSAGES = [{ role: 'user', content: 'Why is the sky blue?' }];
const BODY = { model: 'gpt-4o-mini', max_tokens: 20, messages: MESSAGES };
const ITEM = { endpoint: '/v1/chat/completions', body: BODY };

const HOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

let simulator: Awaited<ReturnType<typeof startSimulator>>;
let deployed: Awaited<ReturnType<typeof deployFunctions>>;

beforeAll(async () => {
  simulator = await startSimulator({
    latency: { minMs: 1, maxMs: 4 },
    batches: {
      turnaround: { minMs: 1_500, maxMs: 1_600 },
      validationMs: 100,
      finalizingMs: 100,
    },
  });
  const secret = new CreateSecretCommand({
    Name: 'penstock/hook',
    SecretString: `${HOOK_SECRET}\n`,
  });
  await new SecretsManagerClient().send(secret);
  deployed = await deployFunctions(`
providers:
  openai: { dialect: openai, baseUrl: "${simulator.url}/v1", apiKey: none, webhookSecret: "secretsmanager:penstock/hook" }
  lost: { dialect: openai, baseUrl: "${simulator.url}/v1", apiKey: "secretsmanager:nowhere" }
models:
  gpt-4o-mini: { provider: openai }
  gpt-4o: { provider: lost }
  gpt-4.1-mini: { provider: openai }
`);
});

afterAll(() => simulator.close());

/** Delivers what is queued, as the event sources do. */
async function deliver(): Promise<number> {
  const bodies = await deployed.takeMessages();
  if (bodies.length > 0) {
    expect(await deployed.dispatch(bodies)).toEqual({ batchItemFailures: [] });
  }
  return bodies.length;
}

/** The id of the provider's one batch, once it has ended. */
async function endOfBatch(): Promise<string> {
  for (;;) {
    const { data } = Object(await (await fetch(`${simulator.url}/v1/batches`)).json());
    if (data[0]?.status === 'completed') return data[0].id;
    await delay(100);
  }
}

/** What the provider says in a webhook it has signed. */
function tell(body: string, more: Record<string, string> = {}) {
  const at = new Date();
  const headers = {
    'webhook-id': 'wh_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(HOOK_SECRET).sign('wh_1', at, body),
    ...more,
  };
  return deployed.call('/v1/provider-webhooks/openai', { method: 'POST', body, headers });
}

describe('the functions together', () => {
  it('accept one request, answer it, and show the answer', async () => {
    const submitted = await deployed.call('/v1/requests', { method: 'POST', body: ITEM });
    expect(submitted.status).toBe(202);
    expect(await deliver()).toBe(1);
    const found = await deployed.call(`/v1/requests/${submitted.json.id}`);
    expect(found.json).toMatchObject({ status: 'succeeded', model: 'gpt-4o-mini' });
    expect(found.json.result.body.choices).toHaveLength(1);
  });

  it('accept many in slices, one notice each, and answer them all', async () => {
    const items = Array.from({ length: 600 }, () => ITEM);
    const submitted = await deployed.call('/v1/requests', { method: 'POST', body: items });
    expect([submitted.status, submitted.json.accepted]).toEqual([202, 600]);
    expect(await deliver()).toBe(3);
    const { json } = await deployed.call('/v1/requests?status=succeeded&limit=1000');
    expect(json.data.length).toBeGreaterThanOrEqual(600);
  });

  it('answer an OpenAI call while it waits', async () => {
    const waiting = deployed.call('/v1/chat/completions', { method: 'POST', body: BODY });
    let delivered = 0;
    while (delivered === 0) delivered = await deliver();
    const answer = await waiting;
    expect([answer.status, answer.json.object]).toEqual([200, 'chat.completion']);
  });

  it('refuse an unknown key, and know one that was made', async () => {
    expect((await deployed.call('/v1/requests', { key: 'unknown' })).status).toBe(401);
    const made = await deployed.call('/v1/keys', {
      method: 'POST',
      body: { name: 'other', tenant: 'other', scopes: ['read'] },
    });
    expect(made.status).toBe(201);
    const listed = await deployed.call('/v1/requests', { key: made.json.key });
    expect([listed.status, listed.json.data]).toEqual([200, []]);
    const refused = await deployed.call('/v1/requests', {
      key: made.json.key,
      method: 'POST',
      body: ITEM,
    });
    expect([refused.status, refused.json.code]).toEqual([403, 'forbidden']);
    await deployed.call(`/v1/keys/${made.json.id}`, { method: 'DELETE' });
    expect((await deployed.call('/v1/requests', { key: made.json.key })).status).toBe(401);
  });

  it('hold a provider whose secret is missing, say so, and serve the others', async () => {
    const submitted = await deployed.call('/v1/requests', {
      method: 'POST',
      body: { ...ITEM, body: { ...BODY, model: 'gpt-4o' } },
    });
    expect(submitted.status).toBe(202);
    await deliver();
    const { json } = await deployed.call('/healthz');
    expect(json).toMatchObject({
      status: 'degraded',
      providers_held: [{ provider: 'lost', code: 'provider_auth_failed' }],
    });
    const found = await deployed.call(`/v1/requests/${submitted.json.id}`);
    expect(found.json.status).toBe('queued');
  });

  it('keep a message nobody can read, and send it back when told to', async () => {
    const failed = await deployed.dispatch(['no notice']);
    expect(failed.batchItemFailures).toHaveLength(1);
    expect(await deployed.recordDeadLetters(['no notice'])).toEqual({ batchItemFailures: [] });
    const { json } = await deployed.call('/v1/redrive', { method: 'POST' });
    expect(json).toEqual({ object: 'redrive', moved: 1, left: 0 });
    expect(await deployed.takeMessages()).toEqual(['no notice']);
  });

  it('answer in batches what asks for it, and leave that to the tick', async () => {
    const items = Array.from({ length: 30 }, () => ({
      ...ITEM,
      lane: 'native',
      completion_window: '24h',
      body: { ...BODY, model: 'gpt-4.1-mini' },
    }));
    const key = { 'idempotency-key': 'a-night' };
    const call = { method: 'POST', body: items, headers: key };
    const submitted = await deployed.call('/v1/requests', call);
    expect([submitted.status, submitted.json.accepted]).toEqual([202, 30]);
    expect(await deliver()).toBe(0);
    const wish = { url: 'https://8.8.8.8/hook', events: ['request.completed'] };
    const { json: hook } = await deployed.call('/v1/webhooks', { method: 'POST', body: wish });
    // Rows are gathered for up to five minutes on a grid of the clock; the test does not wait. From
    // then on the clock of the functions stands still.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 300_000 });
    try {
      expect(await deployed.poll()).toMatchObject({ built: 1, submitted: 1, failed: 0 });
      const id = await endOfBatch();
      // Nobody has told them, and it is too soon to ask.
      expect(await deployed.poll()).toMatchObject({ polled: 0, settled: 0 });
      const type = 'batch.completed';
      expect((await tell(JSON.stringify({ type, data: { id } }))).status).toBe(200);
      expect(await deployed.poll()).toMatchObject({ polled: 1, settled: 1, failed: 0 });
    } finally {
      vi.useRealTimers();
    }
    const told = (await deployed.call(`/v1/webhooks/${hook.id}/deliveries`)).json.data;
    expect(told.length).toBeGreaterThan(0);
    expect(told[0]).toMatchObject({ type: 'request.completed', status: 'pending' });
    await deployed.call(`/v1/webhooks/${hook.id}`, { method: 'DELETE' });
    const { json } = await deployed.call('/v1/requests?model=gpt-4.1-mini&limit=1000');
    const ended = json.data.map((one: { status: string }) => one.status);
    expect(new Set(ended)).toEqual(new Set(['succeeded']));
    expect(ended).toHaveLength(30);
    expect(simulator.stats().batches).toMatchObject({ created: 1, orphans: 0 });
  });

  it('tell an endpoint of a request that it asked for, and send nothing to one that is gone', async () => {
    // An address, so that no name server is asked; nothing is sent to it: it is removed in time.
    const wish = { url: 'https://8.8.8.8/hook', events: ['request.completed'] };
    const made = await deployed.call('/v1/webhooks', { method: 'POST', body: wish });
    expect([made.status, made.json.secret]).toEqual([201, expect.stringMatching(/^whsec_/)]);
    const path = `/v1/webhooks/${made.json.id}`;
    const submitted = await deployed.call('/v1/requests', { method: 'POST', body: ITEM });
    await deliver();
    const [told] = (await deployed.call(`${path}/deliveries`)).json.data;
    expect(told).toMatchObject({ type: 'request.completed', status: 'pending', attempts: 0 });
    const cancelled = await deployed.call('/v1/requests', {
      method: 'POST',
      body: { ...ITEM, body: { ...BODY, model: 'gpt-4o' } },
    });
    await deployed.call(`/v1/requests/${cancelled.json.id}`, { method: 'DELETE' });
    await deployed.takeMessages();
    expect((await deployed.call(`${path}/deliveries`)).json.data).toHaveLength(2);
    expect((await deployed.call(`/v1/requests/${submitted.json.id}`)).json.status).toBe(
      'succeeded',
    );

    const other = await deployed.call('/v1/webhooks', { method: 'POST', body: wish });
    for (const id of [made.json.id, other.json.id]) {
      const removed = await deployed.call(`/v1/webhooks/${id}`, { method: 'DELETE' });
      expect(removed.status).toBe(204);
    }
    // The next sweep ends both, and sends nothing.
  });

  it("believe a provider's webhook that is signed with the secret of penstock.yaml", async () => {
    const body = JSON.stringify({ type: 'batch.completed', data: { id: 'batch_1' } });
    const taken = await tell(body);
    expect([taken.status, taken.json]).toEqual([200, { received: true }]);
    const refused = await tell(body, { 'webhook-signature': 'v1,AAAA' });
    expect([refused.status, refused.json.code]).toEqual([401, 'signature_refused']);
  });

  it('sweep without fault', async () => {
    expect(await deployed.sweep()).toMatchObject({
      unsent: 0,
      webhooks: { delivered: 0, retried: 0, failed: 2 },
    });
  });

  it('refuse a body over the limit and name the way around', async () => {
    const answer = await deployed.call('/v1/requests', {
      method: 'POST',
      key: ADMIN_KEY,
      body: `"${'x'.repeat(4_500_000)}"`,
    });
    expect([answer.status, answer.json.code]).toEqual([413, 'payload_too_large']);
    expect(answer.json.detail).toMatch(/4400000 bytes.*\/v1\/requests\/uploads/);
  });
});
