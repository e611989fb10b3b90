import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../../shared/adapters/sqlite/stores.ts';
import { signWebhook } from '../../../../shared/adapters/webhooks/sign-webhook.ts';
import type { CompletionEvent } from '../../../../shared/domain/webhooks/webhook-event.ts';
import type { TryOutcome } from '../../../../shared/domain/webhooks/webhook-schedule.ts';
import type { BusEvent } from '../../../../shared/ports/completion-events.ts';
import type { OutgoingWebhook } from '../../../../shared/ports/webhook-sender.ts';
import { createDeliverWebhooks } from '../../../../shared/usecases/webhooks/deliver-webhooks.ts';
import { createManageWebhooks } from '../../../../shared/usecases/webhooks/manage-webhooks.ts';
import { createPublishCompletions } from '../../../../shared/usecases/webhooks/publish-completions.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const answered = (status: number, retryAfterMs: number | null = null): TryOutcome => ({
  kind: 'answered',
  status,
  retryAfterMs,
});

type Script = (sent: OutgoingWebhook, count: number) => TryOutcome | Promise<TryOutcome>;

function start(script: Script = () => answered(200)) {
  const clock = new FakeClock();
  const stores = createSqliteStores(openDatabase(':memory:'));
  const random = createSeededRandom(7);
  const sent: (OutgoingWebhook & { readonly atMs: number })[] = [];
  const onBus: BusEvent[] = [];
  const common = { ...stores, clock, random };
  const manage = createManageWebhooks({ ...common, targets: { check: async () => null } });
  const telemetry = { count: () => undefined, log: () => undefined };
  const sender = {
    async send(message: OutgoingWebhook) {
      sent.push({ ...message, atMs: clock.nowMs() });
      return script(message, sent.length);
    },
  };
  const deliver = createDeliverWebhooks({ ...common, sender, sign: signWebhook, telemetry });
  const tick = (forMs = MINUTE) => deliver({ deadlineMs: clock.nowMs() + forMs });
  const bus = {
    put: async (events: readonly BusEvent[]) => {
      onBus.push(...events);
    },
  };
  const events = createPublishCompletions({ ...common, bus });
  /** Ticks each minute for as long. */
  const pass = async (ms: number) => {
    for (const endMs = clock.nowMs() + ms; clock.nowMs() < endMs; ) {
      await tick();
      await clock.runUntil(clock.sleep(MINUTE));
    }
  };
  const end = (batchId: string, overrides: Partial<CompletionEvent> = {}) =>
    events.publish([
      {
        kind: 'batch',
        tenant: 'a',
        batchId,
        state: 'completed',
        endedAtMs: clock.nowMs(),
        ...overrides,
      } as CompletionEvent,
    ]);
  const add = (url: string, wanted = ['batch.completed', 'batch.failed'] as const) =>
    manage.create('a', { url, events: wanted });
  return { clock, stores, manage, sent, onBus, tick, pass, end, add, events };
}

describe('an end', () => {
  it('told many times, by many, is one message to each endpoint that asked', async () => {
    const { add, end, tick, sent, manage } = start();
    await add('https://one.example/');
    await add('https://two.example/');
    const { endpoint } = await add('https://off.example/');
    await manage.change('a', endpoint.id, { disabled: true });
    await manage.create('b', { url: 'https://other.example/', events: ['batch.completed'] });
    await Promise.all([end('batch_1'), end('batch_1'), end('batch_1')]);
    await tick();
    await end('batch_1');
    await tick();
    expect(sent.map(({ url }) => url).toSorted()).toEqual([
      'https://one.example/',
      'https://two.example/',
    ]);
  });

  it('of a batch is on the bus whoever asked; of a request where an endpoint asks too', async () => {
    const { end, events, manage, onBus, clock } = start();
    const request = (tenant: string): CompletionEvent => ({
      kind: 'request',
      tenant,
      requestId: 'req_1',
      customId: null,
      status: 'succeeded',
      endedAtMs: clock.nowMs(),
    });
    await manage.create('b', { url: 'https://b.example/', events: ['request.completed'] });
    await end('batch_1');
    await events.publish([request('a'), request('b')]);
    expect(onBus.map(({ tenant, type }) => `${tenant} ${type}`)).toEqual([
      'a batch.completed',
      'b request.completed',
    ]);
  });
});

describe('a delivery', () => {
  it('is tried ten times over days: the same id and body, a new timestamp and signature each', async () => {
    const { add, end, pass, sent, stores } = start(() => answered(500));
    const { endpoint } = await add('https://one.example/');
    await end('batch_1');
    await pass(8 * 24 * HOUR);
    expect(sent).toHaveLength(10);
    const headers = sent.map((one) => one.headers);
    expect(new Set(headers.map((one) => one['webhook-id'])).size).toBe(1);
    expect(new Set(sent.map(({ body }) => body)).size).toBe(1);
    expect(new Set(headers.map((one) => one['webhook-timestamp'])).size).toBe(10);
    expect(new Set(headers.map((one) => one['webhook-signature'])).size).toBe(10);
    const spanMs = (sent.at(-1)?.atMs ?? 0) - (sent[0]?.atMs ?? 0);
    expect(spanMs).toBeGreaterThan(24 * HOUR);
    expect(spanMs).toBeLessThan(152 * HOUR);
    const [last] = await stores.deliveries.list('a', endpoint.id, 1);
    expect(last).toMatchObject({ status: 'failed', attempts: 10, fault: 'It answered 500' });
  });

  it('ends with the first 2xx', async () => {
    const { add, end, pass, sent } = start((_, count) => answered(count < 3 ? 503 : 204));
    await add('https://one.example/');
    await end('batch_1');
    await pass(72 * HOUR);
    expect(sent).toHaveLength(3);
  });

  it('waits as long as the receiver asks', async () => {
    const script: Script = (_, count) => (count === 1 ? answered(429, 3 * HOUR) : answered(200));
    const { add, end, pass, sent } = start(script);
    await add('https://one.example/');
    await end('batch_1');
    await pass(6 * HOUR);
    expect((sent[1]?.atMs ?? 0) - (sent[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(3 * HOUR);
  });

  it('to a receiver that is gone disables the endpoint, and what else was due to it ends', async () => {
    const { add, end, pass, sent, manage, stores } = start(() => answered(410));
    const { endpoint } = await add('https://one.example/');
    await end('batch_1');
    await pass(MINUTE);
    await end('batch_2');
    await pass(2 * HOUR);
    expect(sent).toHaveLength(1);
    expect((await manage.find('a', endpoint.id)).disabled).toMatchObject({ reason: 'gone' });
    const all = await stores.deliveries.list('a', endpoint.id, 9);
    expect(all.map(({ status }) => status)).toEqual(['failed']);
    await manage.change('a', endpoint.id, { disabled: false });
    await pass(MINUTE);
    await end('batch_3');
    await pass(MINUTE);
    expect(sent).toHaveLength(2);
  });

  it('is sent once by many ticks at once', async () => {
    const { add, end, tick, sent, clock } = start(async () => {
      await clock.sleep(500);
      return answered(200);
    });
    await add('https://one.example/');
    for (let batch = 0; batch < 30; batch += 1) await end(`batch_${batch}`);
    const ticks = Promise.all([tick(), tick(), tick(), tick()]);
    const reports = await clock.runUntil(ticks);
    expect(sent).toHaveLength(30);
    expect(new Set(sent.map(({ headers }) => headers['webhook-id'])).size).toBe(30);
    expect(reports.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(30);
  });

  it('whose tick died is sent again under the same id by a later one', async () => {
    const { add, end, tick, sent, clock, pass } = start((_, count) =>
      count === 1 ? new Promise<never>(() => undefined) : answered(200),
    );
    await add('https://one.example/');
    await end('batch_1');
    void tick();
    await clock.runUntil(clock.sleep(MINUTE));
    expect(sent).toHaveLength(1);
    await pass(10 * MINUTE);
    expect(sent).toHaveLength(2);
    expect(sent[1]?.headers['webhook-id']).toBe(sent[0]?.headers['webhook-id']);
  });

  it('to one endpoint that is silent does not hold up another', async () => {
    const { add, end, tick, sent, clock } = start(async ({ url }) => {
      if (url !== 'https://silent.example/') return answered(200);
      await clock.sleep(15_000);
      return { kind: 'unanswered', reason: 'It did not answer within 15 s' };
    });
    await add('https://silent.example/');
    await add('https://well.example/');
    for (let batch = 0; batch < 100; batch += 1) await end(`batch_${batch}`);
    const report = await clock.runUntil(tick());
    expect(report.delivered).toBe(100);
    expect(sent.filter(({ url }) => url === 'https://silent.example/')).toHaveLength(4);
  });

  it('is not begun when it could not end in time', async () => {
    const { add, end, tick, sent } = start();
    await add('https://one.example/');
    await end('batch_1');
    await tick(16_000);
    expect(sent).toEqual([]);
    await tick(18_000);
    expect(sent).toHaveLength(1);
  });

  it('to an endpoint that was removed ends', async () => {
    const { add, end, pass, sent, manage, stores } = start(() => answered(500));
    const { endpoint } = await add('https://one.example/');
    await end('batch_1');
    await pass(MINUTE);
    await manage.remove('a', endpoint.id);
    await pass(HOUR);
    expect(sent).toHaveLength(1);
    const [last] = await stores.deliveries.list('a', endpoint.id, 1);
    expect(last).toMatchObject({ status: 'failed', fault: 'The endpoint was removed' });
  });
});
