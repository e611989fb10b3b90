import { Webhook } from 'standardwebhooks';
import { afterEach, expect, it } from 'vitest';
import { startReceiver } from '../../support/webhook-receiver.ts';
import { createWorld } from './harness.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

it('penstock serve tells an endpoint of a request that ended, after a restart too', async () => {
  const world = await createWorld();
  closing.push(() => world.close());
  const config = world.read('penstock.yaml');
  world.write('penstock.yaml', `${config}\nserver: { webhooks: { loopback: true } }\n`);
  const receiver = await startReceiver((response, _call, count) => {
    response.writeHead(count === 1 ? 500 : 204).end();
  });
  closing.push(() => receiver.close());

  const first = await serve();
  const added = await call(first.url, '/v1/webhooks', {
    url: receiver.url,
    events: ['request.completed'],
  });
  const body = { model: 'gpt-4o-mini', max_tokens: 8, messages: [{ role: 'user', content: 'Hi' }] };
  const endpoint = '/v1/chat/completions';
  const { id } = await call(first.url, '/v1/requests', { custom_id: 'mine', endpoint, body });
  await receiver.has(1);
  first.running.child.kill('SIGINT');
  await first.running.ended;
  await serve();
  await receiver.has(2);

  const [refused, taken] = receiver.received;
  expect(taken?.headers['webhook-id']).toBe(refused?.headers['webhook-id']);
  expect(taken?.body).toBe(refused?.body);
  const headers = Object.fromEntries(
    Object.entries(taken?.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
  const event = new Webhook(added.secret).verify(taken?.body ?? '', headers);
  expect(event).toMatchObject({
    object: 'event',
    type: 'request.completed',
    data: { id, custom_id: 'mine', status: 'succeeded' },
  });

  async function serve() {
    const running = world.start(['serve', '--port', '0']);
    const url = await new Promise<string>((resolve, reject) => {
      let text = '';
      running.child.stdout?.on('data', (piece: string) => {
        text += piece;
        const [found] = /http:\/\/\S+?:\d+/.exec(text) ?? [];
        if (found !== undefined) resolve(found);
      });
      running.ended.then(({ stderr }) => reject(new Error(stderr)));
    });
    return { running, url };
  }

  async function call(url: string, path: string, content: object) {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(content),
    });
    expect(response.ok, await response.clone().text()).toBe(true);
    return Object(await response.json());
  }
});
