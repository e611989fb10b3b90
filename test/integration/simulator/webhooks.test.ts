import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  InvalidOptionsError,
  type SimulatorOptions,
  startSimulator,
} from '../../../simulator/server.ts';
import { openAiClient, row, startFrozen, submit } from './harness.ts';

const SECRET = `whsec_${Buffer.from('a secret of some length').toString('base64')}`;

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Takes webhooks and answers with the given statuses in turn, then with 200. */
async function receive(statuses: number[] = []) {
  const deliveries: Delivery[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    deliveries.push({ headers: request.headers, body });
    response.writeHead(statuses.shift() ?? 200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hooks`, deliveries };
}

type Webhooks = NonNullable<NonNullable<SimulatorOptions['batches']>['webhooks']>;

async function launch(
  webhooks: Partial<Webhooks> = {},
  batches: SimulatorOptions['batches'] = {},
  statuses: number[] = [],
) {
  const { url, deliveries } = await receive(statuses);
  const simulator = await startFrozen({
    batches: { ...batches, webhooks: { url, secret: SECRET, ...webhooks } },
  });
  return { simulator, client: openAiClient(simulator), deliveries };
}

const idOf = ({ body }: Delivery): unknown => JSON.parse(body).data.id;

test('the SDK unwraps what is sent when a batch ends', async () => {
  const { simulator, client, deliveries } = await launch({ stampedBy: 'system' });
  const { id } = await submit(client, [row('a')]);
  await simulator.advance(10_000);
  expect(deliveries).toHaveLength(1);
  const { headers, body } = deliveries[0] ?? { headers: {}, body: '' };
  const event = await new OpenAI({ apiKey: 'x', webhookSecret: SECRET }).webhooks.unwrap(
    body,
    headers as Record<string, string>,
  );
  expect(event).toEqual({
    id: headers['webhook-id'],
    object: 'event',
    created_at: 1_700_000_010,
    type: 'batch.completed',
    data: { id },
  });
});

test('stamps are of the virtual clock unless asked otherwise', async () => {
  const { simulator, client, deliveries } = await launch();
  await submit(client, [row('a')]);
  await simulator.advance(10_000);
  expect(deliveries[0]?.headers['webhook-timestamp']).toBe('1700000010');
});

test('every way to end has its event', async () => {
  const script = ['failed', 'expired', 'cancelled', 'completed'] as const;
  const { simulator, client, deliveries } = await launch({}, { script: [...script] });
  for (const name of script) await submit(client, [row(name)]);
  await simulator.advance(86_400_000);
  expect(deliveries.map(({ body }) => JSON.parse(body).type)).toEqual([
    'batch.failed',
    'batch.completed',
    'batch.cancelled',
    'batch.expired',
  ]);
});

describe('on the way an event may be', () => {
  test('lost', async () => {
    const { simulator, client, deliveries } = await launch({ lostShare: 1 });
    await submit(client, [row('a')]);
    await simulator.advance(10_000);
    expect(deliveries).toEqual([]);
    expect(simulator.stats().webhooks).toMatchObject({ events: 1, lost: 1, sent: 0 });
  });

  test('duplicated, under the same id', async () => {
    const { simulator, client, deliveries } = await launch({ duplicateShare: 1 });
    await submit(client, [row('a')]);
    await simulator.advance(10_000);
    expect(deliveries).toHaveLength(2);
    expect(deliveries[0]?.headers['webhook-id']).toBe(deliveries[1]?.headers['webhook-id']);
  });

  test('delayed', async () => {
    const { simulator, client, deliveries } = await launch({ delayMs: 5_000 });
    await submit(client, [row('a')]);
    await simulator.advance(14_999);
    expect(deliveries).toEqual([]);
    await simulator.advance(1);
    expect(deliveries).toHaveLength(1);
  });

  test('overtaken by later ones', async () => {
    const { simulator, client, deliveries } = await launch({ outOfOrderShare: 0.5 });
    const ids: string[] = [];
    for (let index = 0; index < 8; index += 1) {
      ids.push((await submit(client, [row(`r${index}`)])).id);
      await simulator.advance(1_000);
    }
    await simulator.advance(120_000);
    const arrived = deliveries.map(idOf);
    expect(arrived).not.toEqual(ids);
    expect(arrived.toSorted()).toEqual(ids.toSorted());
  });

  test('refused, and sent again later and later', async () => {
    const { simulator, client, deliveries } = await launch({}, {}, [500, 503]);
    await submit(client, [row('a')]);
    await simulator.advance(10_000);
    expect(deliveries).toHaveLength(1);
    await simulator.advance(5_000);
    expect(deliveries).toHaveLength(2);
    await simulator.advance(10_000);
    expect(deliveries).toHaveLength(3);
    expect(simulator.stats().webhooks).toMatchObject({ events: 1, sent: 3, delivered: 1 });
  });

  test('given up after 72 hours', async () => {
    const { simulator, client, deliveries } = await launch({}, {}, Array(99).fill(500));
    await submit(client, [row('a')]);
    await simulator.advance(30 * 86_400_000);
    const hours = deliveries.map(({ headers }) => Number(headers['webhook-timestamp']) / 3_600);
    const spanHours = (hours.at(-1) ?? 0) - (hours[0] ?? 0);
    expect(spanHours).toBeGreaterThan(36);
    expect(spanHours).toBeLessThanOrEqual(72);
  });
});

test('on a clock that runs they leave by themselves', async () => {
  const { url, deliveries } = await receive();
  const simulator = await startSimulator({
    clock: 'running',
    batches: {
      turnaround: { minMs: 20, maxMs: 20 },
      validationMs: 5,
      finalizingMs: 5,
      webhooks: { url, secret: SECRET },
    },
  });
  onTestFinished(() => simulator.close());
  await submit(openAiClient(simulator), [row('a')]);
  await expect.poll(() => deliveries.length).toBe(1);
});

test('only a loopback address is called', async () => {
  const webhooks = { url: 'http://example.com/hook', secret: SECRET };
  await expect(startFrozen({ batches: { webhooks } })).rejects.toThrow(InvalidOptionsError);
});
