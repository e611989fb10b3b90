import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProvider } from '../../../../shared/adapters/providers/create-provider.ts';
import type { ProviderSettings } from '../../../../shared/adapters/providers/settings.ts';
import type { ProviderCall } from '../../../../shared/ports/completion-provider.ts';
import {
  type HostileServer,
  reply,
  type SeenRequest,
  startHostileServer,
} from '../../../support/hostile-server.ts';

const CLOCK = { nowMs: () => 0, sleep: () => Promise.resolve() };
const API_KEY = 'sk-0123456789abcdef';
const OPENAI: ProviderSettings = { dialect: 'openai', baseUrl: '', apiKey: API_KEY };
const AZURE: ProviderSettings = { dialect: 'azure-openai', baseUrl: '', apiKey: API_KEY };
const ANTHROPIC: ProviderSettings = { dialect: 'anthropic', baseUrl: '', apiKey: API_KEY };

let server: HostileServer;
beforeAll(async () => {
  server = await startHostileServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.requests.length = 0;
  server.behave(reply(200, '{}'));
});

/** Calls once and returns what went over the wire. */
async function send(
  settings: ProviderSettings,
  path: string,
  call: Partial<ProviderCall> = {},
): Promise<SeenRequest> {
  const provider = createProvider(
    'wire',
    { ...settings, baseUrl: `${server.url}${path}` },
    { clock: CLOCK },
  );
  await provider.call(
    {
      requestId: 'request-1',
      endpoint: settings.dialect === 'anthropic' ? '/v1/messages' : '/v1/chat/completions',
      model: 'theirs',
      body: { model: 'ours', messages: [] },
      lane: 'live',
      markSharedPrefix: false,
      ...call,
    },
    new AbortController().signal,
  );
  await provider.close();
  const [request] = server.requests;
  if (request === undefined) throw new Error('Nothing was sent.');
  return request;
}

const bodyOf = (request: SeenRequest): unknown => JSON.parse(request.body);

describe('openai', () => {
  it('sends the body with its own model name, every other field as it was, and nothing of ours', async () => {
    const body = {
      messages: [{ role: 'user', content: 'ü' }],
      model: 'ours',
      unheard_of: { a: [1] },
    };
    const request = await send(OPENAI, '/v1', { body });
    expect(request.method).toBe('POST');
    expect(request.path).toBe('/v1/chat/completions');
    expect(request.body).toBe(
      '{"messages":[{"role":"user","content":"ü"}],"model":"theirs","unheard_of":{"a":[1]}}',
    );
    expect(request.headers).toEqual({
      host: new URL(server.url).host,
      connection: 'keep-alive',
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': 'penstock',
      authorization: `Bearer ${API_KEY}`,
      'idempotency-key': 'request-1',
      'content-length': String(Buffer.byteLength(request.body)),
    });
  });

  it.each([
    ['', '/v1/chat/completions'],
    ['/', '/v1/chat/completions'],
    ['/v1', '/v1/chat/completions'],
    ['/v1/', '/v1/chat/completions'],
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/openai/v1', '/openai/v1/chat/completions'],
    ['/v1beta/openai/', '/v1beta/openai/chat/completions'],
    ['/api/paas/v4', '/api/paas/v4/chat/completions'],
    ['/gateway', '/gateway/v1/chat/completions'],
  ])('with baseUrl ending in "%s" calls %s', async (given, expected) => {
    expect((await send(OPENAI, given)).path).toBe(expected);
  });

  it('addresses the other endpoints', async () => {
    expect((await send(OPENAI, '/v1', { endpoint: '/v1/responses' })).path).toBe('/v1/responses');
    server.requests.length = 0;
    expect((await send(OPENAI, '/v1', { endpoint: '/v1/embeddings' })).path).toBe('/v1/embeddings');
  });

  it('asks for the flex tier in the flex lane, whatever the caller asked for', async () => {
    const body = { model: 'ours', service_tier: 'priority' };
    expect(bodyOf(await send(OPENAI, '/v1', { body, lane: 'flex' }))).toEqual({
      model: 'theirs',
      service_tier: 'flex',
    });
    server.requests.length = 0;
    expect(bodyOf(await send(OPENAI, '/v1', { body }))).toMatchObject({ service_tier: 'priority' });
  });

  it.each([null, 'none'])('sends no Authorization with the key %s', async (apiKey) => {
    expect((await send({ ...OPENAI, apiKey }, '/v1')).headers).not.toHaveProperty('authorization');
  });

  it('names organization and project, and adds the headers of the configuration', async () => {
    const settings: ProviderSettings = {
      ...OPENAI,
      dialect: 'openai',
      organization: 'org-1',
      project: 'proj-1',
      headers: { 'X-Title': 'Nightly', 'user-agent': 'ours/1' },
    };
    expect((await send(settings, '/v1')).headers).toMatchObject({
      'openai-organization': 'org-1',
      'openai-project': 'proj-1',
      'x-title': 'Nightly',
      'user-agent': 'ours/1',
    });
  });

  it('digests an id that cannot stand in a header', async () => {
    const request = await send(OPENAI, '/v1', { requestId: 'größe\r\nx: y' });
    expect(request.headers['idempotency-key']).toMatch(/^[0-9a-f]{64}$/);
    expect(request.headers).not.toHaveProperty('x');
  });
});

describe('azure-openai', () => {
  it.each(['', '/', '/openai', '/openai/v1', '/openai/v1/'])(
    'uses the v1 routes below "%s"',
    async (given) => {
      const request = await send(AZURE, given);
      expect(request.path).toBe('/openai/v1/chat/completions');
      expect(request.headers['api-key']).toBe(API_KEY);
      expect(request.headers).not.toHaveProperty('authorization');
      expect(bodyOf(request)).toMatchObject({ model: 'theirs' });
    },
  );

  it('uses deployment routes for a dated version, except for responses', async () => {
    const dated: ProviderSettings = { ...AZURE, apiVersion: '2024-10-21' };
    const chat = await send(dated, '/openai', { model: 'my model' });
    expect(chat.path).toBe(
      '/openai/deployments/my%20model/chat/completions?api-version=2024-10-21',
    );
    server.requests.length = 0;
    const responses = await send(dated, '', { endpoint: '/v1/responses' });
    expect(responses.path).toBe('/openai/responses?api-version=2024-10-21');
  });

  it('keeps to the v1 routes for a preview of them', async () => {
    const request = await send({ ...AZURE, apiVersion: 'preview' }, '');
    expect(request.path).toBe('/openai/v1/chat/completions?api-version=preview');
  });
});

describe('anthropic', () => {
  it.each(['', '/', '/v1', '/v1/', '/v1/messages'])('calls messages below "%s"', async (given) => {
    const request = await send(ANTHROPIC, given);
    expect(request.path).toBe('/v1/messages');
    expect(request.headers).toMatchObject({
      'x-api-key': API_KEY,
      'anthropic-version': '2023-06-01',
      'idempotency-key': 'request-1',
    });
    expect(request.headers).not.toHaveProperty('authorization');
  });

  it('passes betas on', async () => {
    const settings = { ...ANTHROPIC, headers: { 'anthropic-beta': 'context-1m-2025-08-07' } };
    expect((await send(settings, '')).headers['anthropic-beta']).toBe('context-1m-2025-08-07');
  });

  const MARK = { type: 'ephemeral' };
  const marked = async (body: Record<string, unknown>): Promise<unknown> =>
    bodyOf(await send(ANTHROPIC, '', { body, markSharedPrefix: true }));

  it('marks the end of a system prompt, as text or as blocks', async () => {
    expect(await marked({ system: 'Be brief.', messages: [] })).toEqual({
      model: 'theirs',
      system: [{ type: 'text', text: 'Be brief.', cache_control: MARK }],
      messages: [],
    });
    server.requests.length = 0;
    const blocks = [
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'Be kind.' },
    ];
    expect(await marked({ system: blocks, tools: [{ name: 't' }] })).toEqual({
      model: 'theirs',
      system: [blocks[0], { ...blocks[1], cache_control: MARK }],
      tools: [{ name: 't' }],
    });
  });

  it('marks the last tool where there is no system prompt', async () => {
    expect(await marked({ system: '', tools: [{ name: 'a' }, { name: 'b' }] })).toMatchObject({
      tools: [{ name: 'a' }, { name: 'b', cache_control: MARK }],
    });
  });

  it.each([
    {
      system: 's',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x', cache_control: MARK }] }],
    },
    { system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral', ttl: '1h' } }] },
    { system: 's', tools: [{ name: 't', cache_control: MARK }] },
    { system: 's', cache_control: MARK },
    { messages: [{ role: 'user', content: 'x' }] },
    { system: [], tools: [] },
    { system: [{ type: 'text', text: '' }] },
    { system: 7, tools: 'x' },
  ])('leaves alone %o', async (body) => {
    expect(await marked(body)).toEqual({ ...body, model: 'theirs' });
  });

  it('is not misled by a prompt that speaks of marks', async () => {
    const system = 'Explain "cache_control": {"type":"ephemeral"}.';
    expect(await marked({ system })).toEqual({
      model: 'theirs',
      system: [{ type: 'text', text: system, cache_control: MARK }],
    });
  });

  it('marks nothing unasked', async () => {
    const body = { system: 'Be brief.' };
    expect(bodyOf(await send(ANTHROPIC, '', { body }))).toEqual({ ...body, model: 'theirs' });
  });
});
