import { describe, expect, it } from 'vitest';
import {
  type ApiSetUp,
  CHAT_ANSWER,
  HELLO,
  post,
  type Script,
  startApi,
} from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const CLAUDE_HELLO = { ...HELLO, model: 'claude-x', max_tokens: 10 };
const answered: Script = () => ({ status: 200, bodyJson: CHAT_ANSWER });

function start(script: Script, setUp: Partial<ApiSetUp> = {}) {
  const clock = new FakeClock();
  const api = startApi({ clock, script, ...setUp });
  const send = async (path: string, init: RequestInit) => {
    const response = await clock.runUntil(Promise.resolve(api.app.request(path, init)));
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const only = async () => (await api.stores.requests.list({ tenant: 'default', limit: 9 })).items;
  return { ...api, clock, send, only };
}

describe('an answer', () => {
  it.each([
    [CHAT, HELLO],
    ['/v1/responses', { model: 'gpt-4o-mini', input: 'Hi' }],
    ['/v1/embeddings', { model: 'gpt-4o-mini', input: 'Hi' }],
    [MESSAGES, CLAUDE_HELLO],
  ])('of %s is handed on byte for byte, under the id of its request', async (path, body) => {
    const { send, only, segments } = start(answered);
    const { status, headers, text } = await send(path, post(body));
    expect([status, text]).toEqual([200, CHAT_ANSWER]);
    const [request] = await only();
    expect(request).toMatchObject({ endpoint: path, priority: 0, lane: null, deadlineAtMs: null });
    expect(headers.get('x-request-id')).toBe(request?.id);
    expect(headers.get('request-id')).toBe(request?.id);
    expect(headers.get('x-should-retry')).toBeNull();
    expect(Buffer.from(segments.lines[0] ?? []).toString()).toBe(JSON.stringify(body));
  });

  it("may be the provider's refusal, which the SDK must not send again", async () => {
    const bodyJson = '{"error":{"message":"Bad temperature","type":"x","param":null,"code":null}}';
    const { send } = start(() => ({ status: 422, bodyJson }));
    const { status, headers, text } = await send(CHAT, post(HELLO));
    expect([status, text, headers.get('x-should-retry')]).toEqual([422, bodyJson, 'false']);
  });

  it.each([
    [CHAT, HELLO, { error: { code: 'attempts_exhausted', type: 'server_error' } }],
    [MESSAGES, CLAUDE_HELLO, { type: 'error', error: { type: 'api_error' } }],
  ])('of %s may be ours, where the provider gave none', async (path, body, shape) => {
    const { send } = start(() => ({ code: 'attempts_exhausted', message: 'Reset, six times' }));
    const { status, headers, text } = await send(path, post(body));
    expect([status, headers.get('x-should-retry')]).toEqual([503, 'false']);
    expect(JSON.parse(text)).toMatchObject(shape);
    expect(text).toContain('Reset, six times');
  });
});

describe('the same key', () => {
  it.each([
    ['in the header', HELLO, { 'idempotency-key': 'k' }],
    ['in the metadata', { ...HELLO, metadata: { idempotency_key: 'k' } }, {}],
  ])('%s gives the same answer and pays once', async (_, body, headers) => {
    const { send, only } = start(answered);
    const first = await send(CHAT, post(body, headers));
    const again = await send(CHAT, post(body, headers));
    expect(again.text).toBe(first.text);
    expect(again.headers.get('x-request-id')).toBe(first.headers.get('x-request-id'));
    expect(await only()).toHaveLength(1);
    const other = await send(CHAT, post({ ...body, seed: 1 }, headers));
    expect([other.status, JSON.parse(other.text).error.code]).toEqual([
      422,
      'idempotency_conflict',
    ]);
  });

  it('must be text', async () => {
    const { send } = start(answered);
    const { status, text } = await send(CHAT, post({ ...HELLO, metadata: { idempotency_key: 7 } }));
    expect([status, JSON.parse(text).error.param]).toEqual([400, 'metadata.idempotency_key']);
  });
});

describe('a wait that takes too long', () => {
  it.each([
    [CHAT, HELLO, { error: { type: 'timeout', code: 'timeout' } }],
    [MESSAGES, CLAUDE_HELLO, { type: 'error', error: { type: 'timeout_error' } }],
  ])('on %s ends in 504 naming the request, which goes on', async (path, body, shape) => {
    const { send, clock, only, worker, app } = start(() => 'hold', { syncWaitMs: 90_000 });
    const before = clock.nowMs();
    const { status, headers, text } = await send(path, post(body));
    expect(status).toBe(504);
    expect(clock.nowMs() - before).toBe(90_000);
    expect(JSON.parse(text)).toMatchObject(shape);
    const [request] = await only();
    expect(request?.status).toBe('queued');
    expect(text).toContain(`GET /v1/requests/${request?.id}`);
    expect(headers.get('x-should-retry')).toBe('false');
    worker.script = answered;
    await worker.drain();
    const later = await app.request(`/v1/requests/${request?.id}`);
    expect(await later.json()).toMatchObject({ status: 'succeeded' });
  });

  it('ends when the caller hangs up, and cancels nothing', async () => {
    const { app, only, completions } = start(() => 'hold');
    const caller = new AbortController();
    const waiting = app.request(CHAT, { ...post(HELLO), signal: caller.signal });
    await expect.poll(() => completions.waiting).toBe(1);
    caller.abort();
    await waiting;
    expect(completions.waiting).toBe(0);
    expect((await only()).map(({ status }) => status)).toEqual(['queued']);
  });
});

describe('a refusal', () => {
  it.each([
    [{ ...HELLO, stream: true }, 400, 'invalid_request', 'stream'],
    [{ messages: [] }, 400, 'invalid_request', 'model'],
    [{ ...HELLO, model: 7 }, 400, 'invalid_request', 'model'],
    [{ ...HELLO, model: 'gpt-9' }, 404, 'model_not_found', 'model'],
    [CLAUDE_HELLO, 400, 'unsupported_endpoint', 'endpoint'],
    [[HELLO], 400, 'invalid_request', null],
  ])('of %j is in the shape of OpenAI', async (body, status, code, param) => {
    const { send, only } = start(answered);
    const refused = await send(CHAT, post(body));
    expect(refused.status).toBe(status);
    expect(JSON.parse(refused.text)).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param, code },
    });
    expect(refused.headers.get('x-request-id')).toMatch(/^call_/);
    expect(await only()).toEqual([]);
  });

  it('of what cannot fit says so in words about the body', async () => {
    const message = 'input 200000 tokens > 128000';
    const { send } = start(answered, {
      measure: async () => ({ kind: 'refused', code: 'context_length_exceeded', message }),
    });
    const { status, text } = await send(CHAT, post(HELLO));
    expect([status, JSON.parse(text).error]).toEqual([
      400,
      { message, type: 'invalid_request_error', param: null, code: 'context_length_exceeded' },
    ]);
  });

  it.each([
    [{ ...CLAUDE_HELLO, stream: true }, 400, 'invalid_request_error'],
    [{ ...CLAUDE_HELLO, model: 'claude-9' }, 404, 'not_found_error'],
  ])('of %j is in the shape of Anthropic', async (body, status, type) => {
    const { send } = start(answered);
    const refused = await send(MESSAGES, post(body));
    expect(refused.status).toBe(status);
    expect(JSON.parse(refused.text)).toEqual({
      type: 'error',
      error: { type, message: expect.any(String) },
      request_id: refused.headers.get('x-request-id'),
    });
    expect(refused.headers.get('request-id')).toMatch(/^call_/);
  });
});
