import { createHash } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inputLines } from '../cli/harness.ts';
import { SERVER_KEY, type Served, serve } from './served.ts';

let served: Served;
let openai: OpenAI;
let stranger: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  served = await serve();
  const options = { baseURL: `${served.url}/v1`, maxRetries: 0 };
  openai = new OpenAI({ ...options, apiKey: SERVER_KEY });
  stranger = new OpenAI({ ...options, apiKey: 'other-team-key-0123' });
  anthropic = new Anthropic({ apiKey: SERVER_KEY, baseURL: served.url, maxRetries: 0 });
});
afterAll(() => served.world.close());

const upload = async (text: string, name = 'input.jsonl') =>
  openai.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'batch' });
const start = async (text: string, overrides: object = {}) =>
  openai.batches.create({
    input_file_id: (await upload(text)).id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    ...overrides,
  });
async function ended(id: string): Promise<OpenAI.Batch> {
  const open = ['validating', 'in_progress', 'finalizing', 'cancelling'];
  await expect
    .poll(async () => open.includes((await openai.batches.retrieve(id)).status), {
      timeout: 30_000,
    })
    .toBe(false);
  return openai.batches.retrieve(id);
}
const rowsOf = async (fileId: string | undefined): Promise<Record<string, unknown>[]> =>
  (await (await openai.files.content(fileId ?? '')).text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe("OpenAI's SDK: files", () => {
  it('keeps, lists, reads and deletes them, each for its own tenant', async () => {
    const file = await upload('{"a":1}\n');
    expect(file).toMatchObject({ object: 'file', purpose: 'batch', bytes: 8, status: 'processed' });
    expect(file.expires_at).toBe(file.created_at + 2_592_000);
    expect(await (await openai.files.content(file.id)).text()).toBe('{"a":1}\n');
    expect((await openai.files.retrieve(file.id)).filename).toBe('input.jsonl');
    const other = stranger.files.retrieve(file.id);
    await expect(other).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const second = await upload('{"a":2}\n');
    const ids: string[] = [];
    for await (const { id } of openai.files.list({ limit: 1, purpose: 'batch' })) ids.push(id);
    expect(ids).toEqual([second.id, file.id]);
    expect((await openai.files.delete(file.id)).deleted).toBe(true);
    await expect(openai.files.content(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await openai.files.delete(second.id);
  });

  it('keeps a file once for one idempotency key', async () => {
    const options = { headers: { 'Idempotency-Key': 'file-1' } };
    const make = async (text: string) =>
      openai.files.create(
        { file: await toFile(Buffer.from(text), 'a.jsonl'), purpose: 'batch' },
        options,
      );
    const [one, two] = [await make('{}\n'), await make('{}\n')];
    expect(two.id).toBe(one.id);
    await expect(make('{"other":1}\n')).rejects.toMatchObject({ status: 422 });
  });

  it('takes them in parts', async () => {
    const text = inputLines(50);
    const half = Math.floor(text.length / 2);
    const { id } = await openai.uploads.create({
      bytes: text.length,
      filename: 'parts.jsonl',
      mime_type: 'application/jsonl',
      purpose: 'batch',
    });
    const part = async (piece: string) =>
      openai.uploads.parts.create(id, { data: await toFile(Buffer.from(piece), 'part') });
    const last = await part(text.slice(half));
    const first = await part(text.slice(0, half));
    const md5 = createHash('md5').update(text).digest('hex');
    const wrong = openai.uploads.complete(id, {
      part_ids: [first.id, last.id],
      md5: 'f'.repeat(32),
    });
    await expect(wrong).rejects.toMatchObject({ status: 400, param: 'md5' });
    const done = await openai.uploads.complete(id, { part_ids: [first.id, last.id], md5 });
    expect(done.status).toBe('completed');
    expect(await (await openai.files.content(done.file?.id ?? '')).text()).toBe(text);
    await expect(openai.uploads.cancel(id)).rejects.toMatchObject({ status: 400 });
  });
});

describe("OpenAI's SDK: batches", () => {
  it('runs a file of several models and providers to its end', async () => {
    const claude = JSON.stringify({
      custom_id: 'claude-1',
      method: 'POST',
      url: '/v1/messages',
      body: {
        model: 'claude-haiku-4-5',
        max_tokens: 8,
        messages: [{ role: 'user', content: 'Hi' }],
      },
    });
    const other = inputLines(1, { model: 'gpt-4o' }).replaceAll('row-0', 'other-0');
    const batch = await start(`${inputLines(300)}${other}${claude}\n`, {
      metadata: { run: 'one' },
    });
    expect(batch).toMatchObject({
      object: 'batch',
      status: 'validating',
      metadata: { run: 'one' },
    });
    expect(batch.expires_at).toBe(batch.created_at + 86_400);
    const done = await ended(batch.id);
    expect(done).toMatchObject({
      status: 'completed',
      request_counts: { total: 302, completed: 302, failed: 0 },
    });
    expect(done.error_file_id).toBeNull();
    expect(done.usage?.total_tokens).toBeGreaterThan(0);
    const rows = await rowsOf(done.output_file_id);
    expect(new Set(rows.map((row) => row['custom_id'])).size).toBe(302);
    expect(rows[0]).toMatchObject({ response: { status_code: 200 }, error: null });
    const file = await openai.files.retrieve(done.output_file_id ?? '');
    expect(file.purpose).toBe('batch_output');
    const text = await (await openai.files.content(file.id)).text();
    expect(Buffer.byteLength(text)).toBe(file.bytes);
    await expect(stranger.batches.retrieve(batch.id)).rejects.toMatchObject({ status: 404 });
  });

  it('names every bad line, and sends nothing', async () => {
    const lines = inputLines(3).trimEnd().split('\n');
    const bad = [
      lines[0],
      '{"custom_id":',
      lines[0],
      lines[1]?.replace('/v1/chat/completions', '/v1/embeddings'),
      lines[2]?.replace('gpt-4o-mini', 'gpt-9'),
      '{"custom_id":"x","method":"POST","url":"/v1/chat/completions"}',
    ];
    const done = await ended((await start(bad.join('\n'))).id);
    expect(done.status).toBe('failed');
    expect(done.errors?.data?.map(({ code, line }) => [line, code])).toEqual([
      [2, 'invalid_json_line'],
      [3, 'duplicate_custom_id'],
      [4, 'url_mismatch'],
      [5, 'model_not_found'],
      [6, 'missing_required_parameter'],
    ]);
    const empty = await ended((await start('\n')).id);
    expect(empty.errors?.data?.[0]?.code).toBe('empty_file');
  });

  it('refuses at once what can be seen at once', async () => {
    await expect(start(inputLines(1), { endpoint: '/v1/videos' })).rejects.toMatchObject({
      status: 400,
      param: 'endpoint',
      code: 'invalid_value',
    });
    await expect(start(inputLines(1), { completion_window: 'soon' })).rejects.toMatchObject({
      param: 'completion_window',
    });
    await expect(
      openai.batches.create({
        input_file_id: 'file-none',
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
      }),
    ).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
  });

  it('lists page by page, and makes a batch once for one key', async () => {
    const file = await upload(inputLines(1));
    const body = {
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    } as const;
    const options = { headers: { 'Idempotency-Key': 'batch-1' } };
    const one = await openai.batches.create(body, options);
    expect((await openai.batches.create(body, options)).id).toBe(one.id);
    const ids: string[] = [];
    for await (const { id } of openai.batches.list({ limit: 2 })) ids.push(id);
    expect(ids[0]).toBe(one.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(3);
  });

  it('cancels, and keeps what was answered', async () => {
    served.world.simulator.configure({ latency: { minMs: 400, maxMs: 500 } });
    const batch = await start(inputLines(5_000), { completion_window: '2m' });
    await expect
      .poll(async () => (await openai.batches.retrieve(batch.id)).request_counts?.completed, {
        timeout: 20_000,
      })
      .toBeGreaterThan(0);
    const running = await openai.batches.retrieve(batch.id);
    expect((await rowsOf(running.output_file_id)).length).toBeGreaterThan(0);
    expect((await openai.batches.cancel(batch.id)).status).toBe('cancelling');
    served.world.simulator.configure({ latency: { minMs: 1, maxMs: 4 } });
    const done = await ended(batch.id);
    expect(done.status).toBe('cancelled');
    const answered = await rowsOf(done.output_file_id);
    const unanswered = await rowsOf(done.error_file_id);
    expect(answered.length + unanswered.length).toBe(5_000);
    expect(unanswered[0]).toMatchObject({ response: null, error: { code: 'batch_cancelled' } });
    await expect(openai.batches.cancel(batch.id)).rejects.toMatchObject({ status: 409 });
  });
});

describe("Anthropic's SDK: message batches", () => {
  const request = (custom_id: string, overrides: object = {}) => ({
    custom_id,
    params: {
      model: 'claude-haiku-4-5',
      max_tokens: 8,
      messages: [{ role: 'user' as const, content: 'Hi' }],
      ...overrides,
    },
  });
  async function done(id: string) {
    await expect
      .poll(async () => (await anthropic.messages.batches.retrieve(id)).processing_status, {
        timeout: 20_000,
      })
      .toBe('ended');
    return anthropic.messages.batches.retrieve(id);
  }

  it('runs them to their end, with what failed in its place', async () => {
    const { batches } = anthropic.messages;
    const made = await batches.create({
      requests: [request('a'), request('b', { model: 'claude-9' }), request('c')],
    });
    expect(made).toMatchObject({
      type: 'message_batch',
      processing_status: 'in_progress',
      request_counts: { processing: 3, succeeded: 0 },
      results_url: null,
    });
    const batch = await done(made.id);
    expect(batch.request_counts).toEqual({
      processing: 0,
      succeeded: 2,
      errored: 1,
      canceled: 0,
      expired: 0,
    });
    const results = new Map<string, Anthropic.Messages.MessageBatchResult>();
    for await (const { custom_id, result } of await batches.results(made.id)) {
      results.set(custom_id, result);
    }
    expect(results.get('a')).toMatchObject({ type: 'succeeded', message: { role: 'assistant' } });
    expect(results.get('b')).toMatchObject({ type: 'errored', error: { type: 'error' } });
    const ids: string[] = [];
    for await (const { id } of batches.list({ limit: 1 })) ids.push(id);
    expect(ids).toEqual([made.id]);
    expect((await batches.delete(made.id)).type).toBe('message_batch_deleted');
    await expect(batches.retrieve(made.id)).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });

  it('refuses bad names by their path, and cancels', async () => {
    const { batches } = anthropic.messages;
    const twice = batches.create({ requests: [request('a'), request('a')] });
    await expect(twice).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('requests.1.custom_id'),
    });
    served.world.simulator.configure({ latency: { minMs: 400, maxMs: 500 } });
    const requests = Array.from({ length: 2_000 }, (_, index) => request(`r-${index}`));
    const made = await batches.create({ requests });
    await expect(batches.delete(made.id)).rejects.toMatchObject({ status: 400 });
    expect((await batches.cancel(made.id)).processing_status).toBe('canceling');
    served.world.simulator.configure({ latency: { minMs: 1, maxMs: 4 } });
    const { request_counts: counts } = await done(made.id);
    expect(counts.succeeded + counts.canceled).toBe(2_000);
    expect(counts.canceled).toBeGreaterThan(0);
  });
});
