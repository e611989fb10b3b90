import OpenAI, { toFile } from 'openai';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts';
import { inputLines } from '../cli/harness.ts';
import { SERVER_KEY, type Served, serve } from './served.ts';

/** Of gpt-4o-mini, in the live lane. Unit: micro-USD per token. */
const PRICE = { input: 0.15, output: 0.6 };
const LINES = 300;

let served: Served;
let receiver: Receiver;
let openai: OpenAI;

beforeAll(async () => {
  served = await serve({}, { webhooks: '{ loopback: true }' });
  receiver = await startReceiver();
  openai = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: SERVER_KEY, maxRetries: 0 });
});
afterAll(async () => {
  await receiver.close();
  await served.world.close();
});

it('a batch with a day to spare goes to the provider as one, at half the price, and its end is told', async () => {
  const added = await fetch(`${served.url}/v1/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${SERVER_KEY}` },
    body: JSON.stringify({ url: receiver.url }),
  });
  const { secret }: { secret: string } = JSON.parse(await added.text());
  const file = await openai.files.create({
    file: await toFile(Buffer.from(inputLines(LINES)), 'input.jsonl'),
    purpose: 'batch',
  });
  const { id } = await openai.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  const env = {
    PENSTOCK_API: served.url,
    PENSTOCK_KEY: SERVER_KEY,
  };
  const status = (...flags: string[]) => served.world.run(['status', id, ...flags], env);
  await expect
    .poll(async () => (await openai.batches.retrieve(id)).status, { timeout: 10_000 })
    .toBe('in_progress');
  const going = await status();
  expect(going.stderr).toBe('');
  expect(going.stdout).toMatch(/state +in_progress, at the latest until \d{4}-/);
  expect(going.stdout).toMatch(/native 100, the last about \S+Z\. Native: 50 % off, and \d+ % of/);

  await receiver.has(1);
  const batch = await openai.batches.retrieve(id);
  expect(batch).toMatchObject({
    status: 'completed',
    request_counts: { total: LINES, completed: LINES, failed: 0 },
  });
  const { batches, received } = served.world.simulator.stats();
  expect(batches.created).toBe(1);
  expect(received).toBeLessThan(LINES / 3);
  const done = JSON.parse((await status('--json')).stdout);
  expect(done).toMatchObject({ status: 'completed', state: 'completed', plans: [] });
  expect(done.lanes).toMatchObject([{ lane: 'native', requests: LINES }]);
  const full =
    (batch.usage?.input_tokens ?? 0) * PRICE.input +
    (batch.usage?.output_tokens ?? 0) * PRICE.output;
  expect(done.cost_micro_usd / full).toBeCloseTo(0.5, 1);

  const [told] = receiver.received;
  const headers = Object.fromEntries(
    Object.entries(told?.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
  const event = new Webhook(secret).verify(told?.body ?? '', headers);
  expect(event).toMatchObject({ object: 'event', type: 'batch.completed', data: { id } });
});

it('a batch whose lines are bad shows why in penstock status', async () => {
  const file = await openai.files.create({
    file: await toFile(Buffer.from('nonsense\n'), 'input.jsonl'),
    purpose: 'batch',
  });
  const { id } = await openai.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  const env = { PENSTOCK_API: served.url, PENSTOCK_KEY: SERVER_KEY };
  const watched = await served.world.run(['watch', id], env);
  expect(watched).toMatchObject({ code: 1 });
  expect(watched.stdout).toMatch(/state +failed/);
  expect(watched.stdout).toContain('line 1: invalid_json_line: This line is not parseable');
});
