import { AzureOpenAI, toFile } from 'openai';
import { expect, test } from 'vitest';
import { MODEL, openAiClient, row, startFrozen } from './harness.ts';

const line = (id: string) =>
  JSON.stringify({
    custom_id: id,
    method: 'POST',
    url: '/chat/completions',
    body: { model: MODEL, messages: [{ role: 'user', content: `[id:${id}]` }] },
  });

test('the v1 API speaks as OpenAI, with ids of its own', async () => {
  const simulator = await startFrozen();
  const client = openAiClient(simulator);
  client.baseURL = `${simulator.url}/openai/v1`;
  const file = await client.files.create({
    file: await toFile(Buffer.from(line('a')), 'in.jsonl'),
    purpose: 'batch',
    expires_after: { anchor: 'created_at', seconds: 1_209_600 },
  });
  expect(file.id).toMatch(/^file-[0-9a-f]{32}$/);
  const { data: batch, response } = await client.batches
    .create({
      input_file_id: file.id,
      endpoint: '/chat/completions' as '/v1/chat/completions',
      completion_window: '24h',
    })
    .withResponse();
  expect(batch.id).toMatch(/^batch_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(batch).not.toHaveProperty('usage');
  expect(response.headers.get('apim-request-id')).not.toBeNull();
  await simulator.advance(10_000);
  const done = await client.batches.retrieve(batch.id);
  expect(done.status).toBe('completed');
  const text = await (await client.files.content(done.output_file_id ?? '')).text();
  expect(JSON.parse(text)).toMatchObject({ custom_id: 'a', response: { status_code: 200 } });
});

test('the dated API wants its version, writes ISO instants, and may list under another key', async () => {
  const simulator = await startFrozen({ batches: { quirks: ['value_list', 'capital_status'] } });
  const client = new AzureOpenAI({
    endpoint: simulator.url,
    apiKey: 'key',
    apiVersion: '2024-10-21',
    maxRetries: 0,
  });
  const file = await client.files.create({
    file: await toFile(Buffer.from(line('a')), 'in.jsonl'),
    purpose: 'batch',
  });
  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/chat/completions' as '/v1/chat/completions',
    completion_window: '24h',
  });
  expect(batch).toMatchObject({ status: 'Validating', created_at: '2023-11-14T22:13:20.000Z' });
  await simulator.advance(1_000);
  const shown = await client.batches.retrieve(batch.id);
  expect(shown.status).toBe('InProgress');
  const list = await fetch(`${simulator.url}/openai/batches?api-version=2024-10-21`);
  expect(await list.json()).toMatchObject({ object: 'list', value: [{ id: batch.id }] });
  expect((await fetch(`${simulator.url}/openai/batches`)).status).toBe(404);
});

test('a byte order mark fails the batch, a late batch runs on past its window', async () => {
  const turnaroundMs = 100_000_000;
  const simulator = await startFrozen({ batches: { script: [null, { turnaroundMs }] } });
  const client = openAiClient(simulator);
  client.baseURL = `${simulator.url}/openai/v1`;
  const create = async (text: string) => {
    const file = await client.files.create({
      file: await toFile(Buffer.from(text), 'in.jsonl'),
      purpose: 'batch',
    });
    return client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
  };
  const marked = await create(`\uFEFF${row('a')}`);
  const late = await create(row('b'));
  await simulator.advance(90_000_000);
  expect(await client.batches.retrieve(marked.id)).toMatchObject({
    status: 'failed',
    errors: { data: [{ code: 'invalid_json_line', line: 1 }] },
  });
  expect((await client.batches.retrieve(late.id)).status).toBe('in_progress');
  await simulator.advance(10_000_000);
  expect((await client.batches.retrieve(late.id)).status).toBe('completed');
});
