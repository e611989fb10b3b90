import { BadRequestError, ConflictError, NotFoundError } from 'openai';
import { describe, expect, test } from 'vitest';
import {
  MODEL,
  openAiClient,
  post,
  rejection,
  row,
  rowsOf,
  startFrozen,
  submit,
  upload,
} from './harness.ts';

const DAY_MS = 86_400_000;

test('a batch lives from validating to completed, and its output names every row', async () => {
  const simulator = await startFrozen();
  const client = openAiClient(simulator);
  const file = await upload(
    client,
    ['a', 'b', 'c'].map((id) => row(id)),
  );
  const created = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: { job: '7' },
    output_expires_after: { anchor: 'created_at', seconds: 3_600 },
  });
  expect(created).toEqual({
    id: expect.stringMatching(/^batch_[0-9a-f]{32}$/),
    object: 'batch',
    endpoint: '/v1/chat/completions',
    model: null,
    errors: null,
    input_file_id: file.id,
    completion_window: '24h',
    status: 'validating',
    output_file_id: null,
    error_file_id: null,
    created_at: 1_700_000_000,
    in_progress_at: null,
    expires_at: 1_700_086_400,
    finalizing_at: null,
    completed_at: null,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    usage: expect.objectContaining({ total_tokens: 0 }),
    metadata: { job: '7' },
  });
  await simulator.advance(1_000);
  expect(await client.batches.retrieve(created.id)).toMatchObject({
    status: 'in_progress',
    model: MODEL,
    in_progress_at: 1_700_000_001,
    request_counts: { total: 3, completed: 0, failed: 0 },
  });
  await simulator.advance(4_000);
  const half = await client.batches.retrieve(created.id);
  expect(half.request_counts).toEqual({ total: 3, completed: 1, failed: 0 });
  await simulator.advance(3_000);
  expect(await client.batches.retrieve(created.id)).toMatchObject({ status: 'finalizing' });
  await simulator.advance(2_000);
  const done = await client.batches.retrieve(created.id);
  expect(done).toMatchObject({
    status: 'completed',
    completed_at: 1_700_000_010,
    error_file_id: null,
    request_counts: { total: 3, completed: 3, failed: 0 },
  });
  const rows = await rowsOf(client, done.output_file_id);
  expect(rows.map(({ custom_id }) => custom_id).toSorted()).toEqual(['a', 'b', 'c']);
  expect(rows.find(({ custom_id }) => custom_id === 'b')).toEqual({
    id: expect.stringMatching(/^batch_req_[0-9a-f]{32}$/),
    custom_id: 'b',
    response: {
      status_code: 200,
      request_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      body: expect.objectContaining({ object: 'chat.completion', model: MODEL }),
    },
    error: null,
  });
  expect(JSON.stringify(rows)).toContain('[id:b]');
  const tokens = rows.map(({ response }) => response?.body['usage']);
  const sum = tokens.reduce<number>(
    (total, usage) => total + Number(Object(usage).total_tokens),
    0,
  );
  expect(done.usage?.total_tokens).toBe(sum);
  const output = await client.files.retrieve(done.output_file_id ?? '');
  expect(output).toMatchObject({
    purpose: 'batch_output',
    filename: `${created.id}_output.jsonl`,
    expires_at: 1_700_003_610,
  });
  await simulator.advance(3_600_000);
  expect(await rejection(client.files.content(output.id))).toBeInstanceOf(NotFoundError);
});

test('lists are newest first and page by their cursors', async () => {
  const client = openAiClient(await startFrozen());
  const ids: string[] = [];
  for (const id of ['a', 'b', 'c']) ids.unshift((await submit(client, [row(id)])).id);
  const page = await client.batches.list({ limit: 2 });
  expect(page.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  expect(page['body']).toMatchObject({
    object: 'list',
    first_id: ids[0],
    last_id: ids[1],
    has_more: true,
  });
  const all: string[] = [];
  for await (const { id } of client.batches.list({ limit: 2 })) all.push(id);
  expect(all).toEqual(ids);
  expect(await rejection(client.batches.list({ limit: 101 }))).toBeInstanceOf(BadRequestError);
  expect(await rejection(client.batches.list({ after: 'batch_x' }))).toBeInstanceOf(NotFoundError);
});

describe('cancelling', () => {
  test('while it validates leaves neither file', async () => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    const { id } = await submit(client, [row('a')]);
    expect(await client.batches.cancel(id)).toMatchObject({
      status: 'cancelling',
      request_counts: { total: 0 },
    });
    await simulator.advance(10_000);
    expect(await client.batches.retrieve(id)).toMatchObject({
      status: 'cancelled',
      output_file_id: null,
      error_file_id: null,
      cancelled_at: 1_700_000_010,
    });
  });

  test('half-way keeps what was done, and bills only that', async () => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    const lines = Array.from({ length: 10 }, (_, index) => row(`r${index}`));
    const { id } = await submit(client, lines);
    await simulator.advance(4_500);
    await client.batches.cancel(id);
    await simulator.advance(10_000);
    const batch = await client.batches.retrieve(id);
    expect(batch.request_counts).toEqual({ total: 10, completed: 5, failed: 0 });
    expect(await rowsOf(client, batch.output_file_id)).toHaveLength(5);
    expect(simulator.stats()).toMatchObject({
      billed: 5,
      batches: {
        byStatus: { cancelled: 1 },
        rows: { submitted: 10, billed: 5 },
        enqueuedTokens: {},
      },
    });
    expect(await rejection(client.batches.cancel(id))).toBeInstanceOf(ConflictError);
  });

  test('may say so of each row that was left', async () => {
    const simulator = await startFrozen({ batches: { cancelledRows: 'error_file' } });
    const client = openAiClient(simulator);
    const { id } = await submit(client, [row('a'), row('b')]);
    await simulator.advance(1_500);
    await client.batches.cancel(id);
    await simulator.advance(10_000);
    const { error_file_id } = await client.batches.retrieve(id);
    const rows = await rowsOf(client, error_file_id);
    expect(rows.map(({ error }) => error?.code)).toEqual(['batch_cancelled', 'batch_cancelled']);
  });
});

describe('what creation refuses', () => {
  test.each([
    [{ endpoint: '/v1/foo' }, 'endpoint'],
    [{ completion_window: '48h' }, 'completion_window'],
    [{ input_file_id: 'file-x' }, 'input_file_id'],
    [{ input_file_id: undefined }, 'input_file_id'],
    [{ priority: 1 }, 'priority'],
    [
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, ''])) },
      'metadata',
    ],
    [{ metadata: { ['k'.repeat(65)]: '' } }, 'metadata'],
    [{ metadata: { k: 'v'.repeat(513) } }, 'metadata.k'],
    [{ metadata: { k: 1 } }, 'metadata.k'],
    [
      { output_expires_after: { anchor: 'created_at', seconds: 60 } },
      'output_expires_after.seconds',
    ],
    [{ output_expires_after: { anchor: 'now', seconds: 3_600 } }, 'output_expires_after.anchor'],
  ])('%j', async (patch, param) => {
    const simulator = await startFrozen();
    const file = await upload(openAiClient(simulator), [row('a')]);
    const good = {
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    };
    const response = await post(simulator, '/v1/batches', { ...good, ...patch });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { type: 'invalid_request_error', param },
    });
    expect(simulator.stats().batches.created).toBe(0);
  });

  test('a file of another purpose', async () => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    const file = await client.files.create({
      file: new File([row('a')], 'a.txt'),
      purpose: 'user_data',
    });
    const refused = client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    expect(await rejection(refused)).toBeInstanceOf(BadRequestError);
  });
});

describe('what validation finds fails the batch, with lines', () => {
  const unknown = { ...JSON.parse(row('a')), url: '/v1/embeddings' };
  test.each([
    ['{oops', 'invalid_json_line', null],
    [row('ok'), 'duplicate_custom_id', 'custom_id'],
    [JSON.stringify(unknown), 'url_mismatch', 'url'],
    [row('m', { model: 'gpt-4o', messages: [] }), 'model_mismatch', 'body.model'],
    [row('m', { messages: [] }), 'missing_required_parameter', 'body.model'],
    ['{"custom_id":"n","url":"/v1/chat/completions"}', 'missing_required_parameter', 'method'],
  ])('%s', async (bad, code, param) => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    const { id } = await submit(client, [row('ok'), '', bad, row('z'), bad]);
    await simulator.advance(1_000);
    const batch = await client.batches.retrieve(id);
    expect(batch).toMatchObject({ status: 'failed', failed_at: 1_700_000_001 });
    expect(batch.errors?.object).toBe('list');
    expect(batch.errors?.data?.[0]).toEqual({ code, message: expect.any(String), param, line: 3 });
    expect(batch.errors?.data?.[1]?.line).toBe(5);
    expect(simulator.stats()).toMatchObject({ batches: { rows: { submitted: 0 } } });
  });

  test('an empty file, too many rows, an unknown model', async () => {
    const simulator = await startFrozen({ batches: { maxRequests: 2 }, models: { [MODEL]: {} } });
    const client = openAiClient(simulator);
    const other = row('x', { model: 'gpt-4o', messages: [] });
    const inputs = [[''], [row('a'), row('b'), row('c')], [other]];
    const batches = await Promise.all(inputs.map((lines) => submit(client, lines)));
    await simulator.advance(1_000);
    const codes: unknown[] = [];
    for (const { id } of batches) {
      const { errors } = await client.batches.retrieve(id);
      codes.push(errors?.data?.map(({ code, line }) => [code, line]));
    }
    expect(codes).toEqual([
      [['empty_file', null]],
      [['too_many_tasks', null]],
      [['model_not_found', 1]],
    ]);
  });
});

test('too many enqueued tokens fail late, and room comes back when a batch ends', async () => {
  const simulator = await startFrozen({ models: { [MODEL]: { enqueuedTokens: 30 } } });
  const client = openAiClient(simulator);
  const first = await submit(client, [row('a'), row('b')]);
  await simulator.advance(1_000);
  expect(simulator.stats().batches.enqueuedTokens).toEqual({ [MODEL]: 24 });
  const second = await submit(client, [row('c')]);
  expect(second.status).toBe('validating');
  await simulator.advance(1_000);
  expect(await client.batches.retrieve(second.id)).toMatchObject({
    status: 'failed',
    errors: {
      data: [
        {
          code: 'token_limit_exceeded',
          line: null,
          message: expect.stringContaining('Limit: 30 enqueued tokens'),
        },
      ],
    },
  });
  await simulator.advance(9_000);
  expect(await client.batches.retrieve(first.id)).toMatchObject({ status: 'completed' });
  const third = await submit(client, [row('c')]);
  await simulator.advance(1_000);
  expect(await client.batches.retrieve(third.id)).toMatchObject({ status: 'in_progress' });
});

test('rows of responses and embeddings are answered; an endpoint without a model fails its rows', async () => {
  const simulator = await startFrozen();
  const client = openAiClient(simulator);
  const run = async (endpoint: string, body: object) => {
    const line = { custom_id: 'a', method: 'POST', url: endpoint, body };
    const file = await upload(client, [JSON.stringify(line)]);
    const batch = await client.batches.create({
      input_file_id: file.id,
      endpoint: endpoint as '/v1/responses',
      completion_window: '24h',
    });
    await simulator.advance(10_000);
    const { output_file_id, error_file_id } = await client.batches.retrieve(batch.id);
    const [only] = await rowsOf(client, output_file_id ?? error_file_id);
    return only?.response;
  };
  expect(await run('/v1/responses', { model: MODEL, input: 'hi' })).toMatchObject({
    status_code: 200,
    body: { object: 'response', status: 'completed' },
  });
  expect(
    await run('/v1/embeddings', { model: 'text-embedding-3-small', input: 'hi' }),
  ).toMatchObject({
    status_code: 200,
    body: { object: 'list' },
  });
  expect(await run('/v1/moderations', { model: 'm', input: 'hi' })).toMatchObject({
    status_code: 400,
    body: { error: { type: 'invalid_request_error' } },
  });
});

test('a bad body fails its row alone', async () => {
  const simulator = await startFrozen();
  const client = openAiClient(simulator);
  const empty = row('bad', { model: MODEL, messages: [] });
  const streaming = row('stream', {
    model: MODEL,
    messages: [{ role: 'user', content: 'x' }],
    stream: true,
  });
  const { id } = await submit(client, [row('ok'), empty, streaming]);
  await simulator.advance(10_000);
  const batch = await client.batches.retrieve(id);
  expect(batch.request_counts).toEqual({ total: 3, completed: 1, failed: 2 });
  const errors = await rowsOf(client, batch.error_file_id);
  expect(errors.map(({ response }) => response?.status_code)).toEqual([400, 400]);
  expect(errors.find(({ custom_id }) => custom_id === 'bad')?.response?.body).toMatchObject({
    error: { code: 'empty_array', param: 'messages' },
  });
});

test('a day passes in no time, and the same seed gives the same day', async () => {
  const day = async () => {
    const simulator = await startFrozen({
      batches: {
        turnaround: { p50Ms: 3_600_000, p95Ms: 80_000_000 },
        expiringShare: 0.2,
        stuckShare: 0.1,
      },
    });
    const client = openAiClient(simulator);
    for (let index = 0; index < 20; index += 1) await submit(client, [row(`r${index}`)]);
    await simulator.advance(DAY_MS + 10_000);
    return simulator.stats().batches.byStatus;
  };
  const first = await day();
  expect(first['completed']).toBeGreaterThan(5);
  expect(first['expired']).toBeGreaterThan(0);
  expect(await day()).toEqual(first);
});
