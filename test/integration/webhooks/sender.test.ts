import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../shared/adapters/sqlite/stores.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { signWebhook } from '../../../shared/adapters/webhooks/sign-webhook.ts';
import { HttpWebhookSender } from '../../../shared/adapters/webhooks/webhook-sender.ts';
import type { BatchEnd } from '../../../shared/domain/webhooks/webhook-event.ts';
import { createDeliverWebhooks } from '../../../shared/usecases/webhooks/deliver-webhooks.ts';
import { createManageWebhooks } from '../../../shared/usecases/webhooks/manage-webhooks.ts';
import { createPublishCompletions } from '../../../shared/usecases/webhooks/publish-completions.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  type Answer,
  type Received,
  type Receiver,
  startReceiver,
} from '../../support/webhook-receiver.ts';

const LOOPBACK = { ports: [443], allowsLoopback: true };
const SILENT = { count: () => undefined, log: () => undefined };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function receive(...terms: Parameters<typeof startReceiver>): Promise<Receiver> {
  const receiver = await startReceiver(...terms);
  closing.push(() => receiver.close());
  return receiver;
}

/** All that delivers, over real sockets and signatures of now. */
function start() {
  const stores = createSqliteStores(openDatabase(':memory:'));
  const sender = new HttpWebhookSender({ policy: LOOPBACK, clock: systemClock });
  const common = { ...stores, clock: systemClock, random: systemRandom, telemetry: SILENT };
  const manage = createManageWebhooks({ ...common, targets: sender });
  const events = createPublishCompletions({ ...common, bus: null });
  const deliver = createDeliverWebhooks({ ...common, sender, sign: signWebhook });
  const end = (batchId: string, state: BatchEnd = 'completed') =>
    events.publish([{ kind: 'batch', tenant: 'a', batchId, state, endedAtMs: Date.now() }]);
  return { manage, end, tick: () => deliver({ deadlineMs: Date.now() + 60_000 }) };
}

const BATCH_EVENTS = [
  'batch.completed',
  'batch.failed',
  'batch.expired',
  'batch.cancelled',
] as const;

/** Header names and values as the libraries take them. */
const headersOf = ({ headers }: Received): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

describe('a webhook of ours', () => {
  it("is believed by the OpenAI SDK's unwrap and by standardwebhooks, and by neither when altered", async () => {
    const { manage, end, tick } = start();
    const receiver = await receive();
    const { secret } = await manage.create('a', { url: receiver.url, events: BATCH_EVENTS });
    for (const state of ['completed', 'failed', 'expired', 'cancelled'] as const) {
      await end(`batch_${state}`, state);
    }
    expect(await tick()).toEqual({ delivered: 4, retried: 0, failed: 0 });
    const client = new OpenAI({ apiKey: 'none', webhookSecret: secret });
    const types: string[] = [];
    for (const call of receiver.received) {
      expect(call).toMatchObject({ method: 'POST', path: '/hook?a=1' });
      expect(call.headers['content-type']).toBe('application/json');
      const event = await client.webhooks.unwrap(call.body, headersOf(call));
      types.push(event.type);
      expect(event.id).toBe(call.headers['webhook-id']);
      expect(event.data).toEqual({ id: event.type.replace('.', '_') });
      new Webhook(secret).verify(call.body, headersOf(call));
      const altered = call.body.replace('batch_', 'hctab_');
      await expect(client.webhooks.unwrap(altered, headersOf(call))).rejects.toThrow();
      expect(() => new Webhook(secret).verify(altered, headersOf(call))).toThrow();
    }
    expect(types.toSorted()).toEqual(BATCH_EVENTS.toSorted());
  });

  it('is believed under both secrets for a day after one was replaced', async () => {
    const { manage, end, tick } = start();
    const receiver = await receive();
    const made = await manage.create('a', { url: receiver.url, events: BATCH_EVENTS });
    const rotated = await manage.rotate('a', made.endpoint.id);
    await end('batch_1');
    await tick();
    const [call] = receiver.received;
    if (call === undefined) throw new Error('Nothing came');
    for (const secret of [made.secret, rotated.secret]) {
      new Webhook(secret).verify(call.body, headersOf(call));
      const client = new OpenAI({ apiKey: 'none', webhookSecret: secret });
      await client.webhooks.unwrap(call.body, headersOf(call));
    }
  });
});

describe('a try', () => {
  async function send(answer: Answer, options: { readonly mostMs?: number } = {}) {
    const receiver = await receive(answer);
    const clock = new FakeClock();
    const sender = new HttpWebhookSender({ policy: LOOPBACK, clock, ...options });
    const message = { url: receiver.url, headers: { 'webhook-id': 'evt_1' }, body: '{}' };
    return { receiver, clock, outcome: await sender.send(message) };
  }

  it('follows no redirect, to loopback or anywhere', async () => {
    const inner = await receive();
    for (const status of [301, 302, 303, 307, 308]) {
      const { outcome } = await send((response) => {
        response.writeHead(status, { location: inner.url }).end();
      });
      expect(outcome).toMatchObject({ kind: 'answered', status });
    }
    expect(inner.received).toEqual([]);
  });

  it('reads what a receiver asks to wait: seconds, or a date', async () => {
    const waiting = (header: string) =>
      send((response) => response.writeHead(503, { 'retry-after': header }).end());
    expect((await waiting('120')).outcome).toMatchObject({ retryAfterMs: 120_000 });
    const date = new Date(1_700_000_000_000 + 90_000).toUTCString();
    expect((await waiting(date)).outcome).toMatchObject({ retryAfterMs: 90_000 });
    for (const odd of ['soon', '-5', '1e9', '']) {
      expect((await waiting(odd)).outcome).toMatchObject({ retryAfterMs: null });
    }
  });

  it('ends when no answer comes in time, and does not wait for the rest of one', async () => {
    const silent = await send(() => undefined, { mostMs: 200 });
    expect(silent.outcome).toMatchObject({
      kind: 'unanswered',
      reason: expect.stringMatching(/0\.2 s/),
    });
    const endless = await send((response) => {
      response.writeHead(200);
      response.write('a'.repeat(1_000_000));
    });
    expect(endless.outcome).toMatchObject({ kind: 'answered', status: 200 });
  });

  it('that finds nobody, or somebody who hangs up, is told in a word', async () => {
    const { outcome } = await send((response) => response.destroy());
    expect(outcome.kind).toBe('unanswered');
    const gone = await startReceiver();
    await gone.close();
    const sender = new HttpWebhookSender({ policy: LOOPBACK, clock: new FakeClock() });
    const refused = await sender.send({ url: gone.url, headers: {}, body: '{}' });
    expect(refused).toEqual({
      kind: 'unanswered',
      reason: 'It could not be reached (ECONNREFUSED)',
    });
  });

  it('over TLS goes to the checked address and believes only a certificate of the name', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'penstock-certificate-'));
    closing.push(async () => rmSync(directory, { recursive: true }));
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-keyout', keyFile, '-out', certFile, '-days', '2', '-subj', '/CN=hooks.example'],
        ...['-addext', 'subjectAltName=DNS:hooks.example'],
      ],
      { stdio: 'ignore' },
    );
    const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')];
    const receiver = await receive(undefined, { key, cert });
    const senderOf = (ca?: string) =>
      new HttpWebhookSender({
        policy: LOOPBACK,
        clock: new FakeClock(),
        resolve: async () => ['127.0.0.1'],
        ...(ca === undefined ? {} : { ca }),
      });
    const message = { headers: {}, body: '{}' };
    const url = `https://hooks.example:${receiver.port}/`;
    expect(await senderOf(cert).send({ ...message, url })).toMatchObject({ status: 200 });
    expect(receiver.received[0]?.headers.host).toBe(`hooks.example:${receiver.port}`);
    const other = `https://other.example:${receiver.port}/`;
    const refused = [
      await senderOf(cert).send({ ...message, url: other }),
      await senderOf(cert).send({ ...message, url: `https://127.0.0.1:${receiver.port}/` }),
      await senderOf().send({ ...message, url }),
    ];
    expect(refused.map(({ kind }) => kind)).toEqual(Array(3).fill('unanswered'));
    expect(receiver.received).toHaveLength(1);
  });
});
