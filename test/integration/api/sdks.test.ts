import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import { createAdaptorServer } from '@hono/node-server';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { startApi } from '../../support/api-under-test.ts';

const KEY = 'integration-key-0123';
const CHAT = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};
const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  status: 'completed',
  output: [
    {
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
    },
  ],
};
const EMBEDDINGS = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.5, -0.25] }],
  model: 'gpt-4o-mini',
  usage: { prompt_tokens: 1, total_tokens: 1 },
};
const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-x',
  content: [{ type: 'text', text: 'Hello' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1, output_tokens: 1 },
};
const ANSWERS: Readonly<Record<string, unknown>> = {
  '/v1/chat/completions': CHAT,
  '/v1/responses': RESPONSE,
  '/v1/embeddings': EMBEDDINGS,
  '/v1/messages': MESSAGE,
};

let calls = 0;
const api = startApi({
  clock: systemClock,
  keys: [{ key: KEY, tenant: 'a' }],
  syncWaitMs: 300,
  maxBodyBytes: 100_000,
  script: (body, { endpoint }) => {
    calls += 1;
    if (body['user'] === 'hold') return 'hold';
    if (body['user'] === 'fail') {
      const error = { message: 'Bad temperature', type: 'invalid_request_error', code: 'bad' };
      return { status: 400, bodyJson: JSON.stringify({ error }) };
    }
    if (body['user'] === 'exhaust') return { code: 'attempts_exhausted', message: 'Six resets' };
    return { status: 200, bodyJson: JSON.stringify(ANSWERS[endpoint]) };
  },
});
const server = createAdaptorServer({ fetch: api.app.fetch });
let port = 0;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  const baseURL = `http://127.0.0.1:${port}`;
  openai = new OpenAI({ apiKey: KEY, baseURL: `${baseURL}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: KEY, baseURL, maxRetries: 0 });
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
});

const chat = (overrides: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}) => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'Hi' }],
  ...overrides,
});
const message = (overrides: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}) => ({
  model: 'claude-x',
  max_tokens: 10,
  messages: [{ role: 'user' as const, content: 'Hi' }],
  ...overrides,
});

describe("OpenAI's SDK, with base_url and key changed", () => {
  it('completes, responds, embeds and lists models', async () => {
    const completion = await openai.chat.completions.create(chat());
    expect(completion.choices[0]?.message.content).toBe('Hello');
    expect(completion._request_id).toMatch(/^req_/);
    const response = await openai.responses.create({ model: 'gpt-4o-mini', input: 'Hi' });
    expect(response.output_text).toBe('Hello');
    const embedding = await openai.embeddings.create({
      model: 'gpt-4o-mini',
      input: 'Hi',
      encoding_format: 'float',
    });
    expect(embedding.data[0]?.embedding).toEqual([0.5, -0.25]);
    const models = [];
    for await (const { id } of openai.models.list()) models.push(id);
    expect(models).toEqual(['gpt-4o-mini', 'claude-x']);
    expect((await openai.models.retrieve('gpt-4o-mini')).owned_by).toBe('openai');
  });

  it('pays once for the same idempotency key', async () => {
    const before = calls;
    const options = { headers: { 'Idempotency-Key': 'once' } };
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => openai.chat.completions.create(chat(), options)),
    );
    expect(new Set(answers.map(({ _request_id }) => _request_id)).size).toBe(1);
    expect(calls - before).toBe(1);
    const other = openai.chat.completions.create(chat({ temperature: 0 }), options);
    await expect(other).rejects.toBeInstanceOf(OpenAI.UnprocessableEntityError);
  });

  it('throws its own errors, with our code, field and request id', async () => {
    const unknown = openai.chat.completions.create(chat({ model: 'gpt-9' }));
    await expect(unknown).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
      requestID: expect.stringMatching(/^call_/),
    });
    await expect(unknown).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const provider = openai.chat.completions.create(chat({ user: 'fail' }));
    await expect(provider).rejects.toMatchObject({ status: 400, code: 'bad' });
    const streamed = openai.chat.completions.create({ ...chat(), stream: true });
    await expect(streamed).rejects.toMatchObject({ status: 400, param: 'stream' });
    const stranger = new OpenAI({ apiKey: 'x', baseURL: openai.baseURL, maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const unserved = openai.moderations.create({ input: 'x' });
    await expect(unserved).rejects.toMatchObject({ status: 404, code: 'not_found' });
  });

  it('does not send again what may cost twice, even with retries on', async () => {
    const retrying = new OpenAI({ apiKey: KEY, baseURL: openai.baseURL, maxRetries: 3 });
    const before = calls;
    const exhausted = retrying.chat.completions.create(chat({ user: 'exhaust' }));
    await expect(exhausted).rejects.toMatchObject({ status: 503, code: 'attempts_exhausted' });
    expect(calls - before).toBe(1);
    const submitted = async () => (await api.stores.requests.counts('a')).queued;
    const queued = await submitted();
    const late = retrying.chat.completions.create(chat({ user: 'hold' }));
    await expect(late).rejects.toMatchObject({
      status: 504,
      code: 'timeout',
      requestID: expect.stringMatching(/^req_/),
      message: expect.stringContaining('GET /v1/requests/req_'),
    });
    expect(await submitted()).toBe(queued + 1);
  });
});

describe("Anthropic's SDK, with its base URL and key changed", () => {
  it('gets messages', async () => {
    const answer = await anthropic.messages.create(message());
    expect(answer.content[0]).toEqual({ type: 'text', text: 'Hello' });
    expect(answer._request_id).toMatch(/^req_/);
  });

  it('throws its own errors', async () => {
    const unknown = anthropic.messages.create(message({ model: 'claude-9' }));
    await expect(unknown).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    await expect(unknown).rejects.toMatchObject({
      requestID: expect.stringMatching(/^call_/),
      error: { type: 'error', error: { type: 'not_found_error' } },
    });
    const stranger = new Anthropic({ apiKey: 'x', baseURL: anthropic.baseURL, maxRetries: 0 });
    const refused = stranger.messages.create(message());
    await expect(refused).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
  });
});

describe('over a real socket', () => {
  it('a caller that hangs up leaves its request running', async () => {
    const caller = new AbortController();
    const before = await api.stores.requests.counts('a');
    const waiting = openai.chat.completions.create(chat({ user: 'hold' }), {
      signal: caller.signal,
    });
    await expect.poll(() => api.completions.waiting).toBe(1);
    caller.abort();
    await expect(waiting).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    const after = await api.stores.requests.counts('a');
    expect([after.queued, after.cancelled]).toEqual([before.queued + 1, before.cancelled]);
  });

  it('a body over the limit gets its 413, announced or not', async () => {
    const url = `http://127.0.0.1:${port}/v1/requests`;
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    const announced = await fetch(url, { method: 'POST', headers, body: 'x'.repeat(2_000_000) });
    expect([announced.status, Object(await announced.json()).code]).toEqual([
      413,
      'payload_too_large',
    ]);
    const raw = await exchange(
      `POST /v1/requests HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${KEY}\r\n` +
        `content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n` +
        `20000\r\n${'x'.repeat(0x20000)}\r\n`,
    );
    expect(raw).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each([
    ['a path that is no URL', 'GET //%%% HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['an absolute path', 'GET http://other/v1/requests HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['an odd host', 'GET /v1/requests HTTP/1.1\r\nhost: a b\r\n\r\n'],
    ['no host', 'GET /v1/requests HTTP/1.0\r\n\r\n'],
    ['a method of its own', 'BREW /v1/requests HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['TRACE', 'TRACE /v1/requests HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n'],
  ])('%s gets a 4xx', async (_, request) => {
    expect(await exchange(request)).toMatch(/^HTTP\/1\.1 4\d\d /);
  });
});

/** Sends bytes as they are; resolves with the start of the answer. */
function exchange(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.once('data', (data) => {
      resolve(data.toString('latin1'));
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve('closed'));
  });
}
