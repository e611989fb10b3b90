import { describe, expect, it } from 'vitest';
import type { ApiKeyEntry } from '../../../../functions/api/authenticate.ts';
import { modelLimitsSchema, usageRowSchema } from '../../../../shared/contracts/api.ts';
import { openState } from '../../../../shared/domain/capacity/capacity-state.ts';
import { CHAT_ANSWER, chatModel, HELLO, post, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const ITEM = { endpoint: '/v1/chat/completions', body: HELLO };

const KEYS: readonly ApiKeyEntry[] = [
  { key: 'key-of-a-0123456789', tenant: 'a' },
  { key: 'key-of-b-0123456789', tenant: 'b' },
  { key: 'reader-of-a-0123456', tenant: 'a', scopes: ['read'] },
  { key: 'writer-of-a-0123456', tenant: 'a', scopes: ['write'] },
];
const [A, B, READER, WRITER] = KEYS.map(({ key }) => ({ authorization: `Bearer ${key}` }));

const clock = new FakeClock();

describe('every answer', () => {
  it.each([
    '/v1/requests',
    '/v1/requests/x',
    '/nowhere',
    '/v1/models',
    '/healthz',
    '/openapi.json',
  ])('of %s is JSON that nobody may sniff or keep, and names its call', async (path) => {
    const { app } = startApi({ clock });
    const { headers } = await app.request(path);
    expect(headers.get('content-type')).toMatch(/^application\/(problem\+)?json$/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-request-id')).toMatch(/^call_/);
  });

  it('to a fault of ours is a 500 that shows nothing and is logged', async () => {
    const { app, logged } = startApi({
      clock,
      measure: () => Promise.reject(new TypeError('secret insides')),
    });
    const response = await app.request('/v1/requests', post(ITEM));
    const text = await response.text();
    expect([response.status, JSON.parse(text).code]).toEqual([500, 'internal']);
    expect(text).not.toContain('secret');
    expect(JSON.stringify(logged)).toContain('secret insides');
    expect(logged).toHaveLength(1);
  });
});

describe('a call that fits no route', () => {
  it.each([
    ['GET', '/nowhere', 404, null],
    ['GET', '/v1/requests/a/b', 404, null],
    ['PUT', '/v1/requests', 405, 'POST, GET'],
    ['PATCH', '/v1/requests/x', 405, 'GET, DELETE'],
    ['OPTIONS', '/v1/limits', 405, 'GET'],
    ['POST', '/healthz', 405, 'GET'],
  ])('%s %s is answered %i', async (method, path, status, allow) => {
    const { app } = startApi({ clock, keys: KEYS });
    const response = await app.request(path, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([status, allow]);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  it("speaks OpenAI's language on paths of OpenAI, known or not", async () => {
    const { app } = startApi({ clock });
    for (const path of ['/v1/moderations', '/v1/chat/completions']) {
      const body = await (await app.request(path)).json();
      expect(body).toMatchObject({ error: { type: 'invalid_request_error' } });
    }
    expect(await (await app.request('/v1/messages')).json()).toMatchObject({ type: 'error' });
  });

  it.each([
    ['text/plain', undefined],
    ['application/x-www-form-urlencoded', undefined],
    ['multipart/form-data; boundary=x', undefined],
    ['application/json; charset=latin1', undefined],
    ['', undefined],
    ['application/json', 'gzip'],
  ])('415 for %s %s', async (type, encoding) => {
    const { app } = startApi({ clock });
    const headers = {
      'content-type': type,
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
    };
    for (const path of ['/v1/requests', '/v1/chat/completions']) {
      const response = await app.request(path, post(ITEM, headers));
      expect(response.status).toBe(415);
      expect(await response.text()).toContain(encoding === undefined ? 'content-type' : 'compress');
    }
  });

  it('takes JSON with a charset, and JSON lines where there may be many', async () => {
    const { app } = startApi({ clock });
    const utf8 = { 'content-type': 'Application/JSON; charset="UTF-8"' };
    expect((await app.request('/v1/requests', post(ITEM, utf8))).status).toBe(202);
    const lines = { 'content-type': 'application/x-ndjson' };
    expect((await app.request('/v1/requests', post(ITEM, lines))).status).toBe(202);
    expect((await app.request('/v1/chat/completions', post(HELLO, lines))).status).toBe(415);
  });

  it('413 for a body over the limit, announced or not', async () => {
    const { app } = startApi({ clock, maxBodyBytes: 1_000 });
    const body = JSON.stringify({ ...ITEM, tags: ['x'.repeat(1_000)] });
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(400)),
      cancel: () => {
        isCancelled = true;
      },
    });
    const streamed = streaming(endless);
    for (const init of [post(body), post(body, { 'content-length': '1' }), streamed]) {
      const response = await app.request('/v1/requests', init);
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({
        code: 'payload_too_large',
        detail: expect.stringContaining('1000 bytes'),
      });
    }
    expect(isCancelled).toBe(true);
  });

  it('400 for a body that breaks off', async () => {
    const { app } = startApi({ clock });
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('gone')),
    });
    const response = await app.request('/v1/requests', streaming(broken));
    expect(response.status).toBe(400);
  });
});

describe('keys', () => {
  it.each([
    ['none', {}],
    ['another scheme', { authorization: 'Basic key-of-a-0123456789' }],
    ['no key', { authorization: 'Bearer ' }],
    ['an unknown key', { authorization: 'Bearer key-of-a-012345678' }],
    ['a longer key', { authorization: 'Bearer key-of-a-01234567890' }],
    ['two keys', { authorization: 'Bearer key-of-a-0123456789 key-of-b-0123456789' }],
    ['an empty key', { 'x-api-key': '' }],
  ])('are asked for: %s is not enough', async (_, headers) => {
    const { app } = startApi({ clock, keys: KEYS });
    for (const path of ['/v1/requests', '/v1/requests/x', '/v1/usage', '/v1/limits']) {
      const response = await app.request(path, { headers });
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    const chat = await app.request('/v1/chat/completions', post('not even JSON', headers));
    expect(await chat.json()).toMatchObject({ error: { code: 'invalid_api_key' } });
    const messages = await app.request('/v1/messages', post('not even JSON', headers));
    expect(await messages.json()).toMatchObject({ error: { type: 'authentication_error' } });
  });

  it('may come as the Anthropic SDK sends them', async () => {
    const { app } = startApi({ clock, keys: KEYS });
    const headers = { 'x-api-key': 'key-of-a-0123456789' };
    expect((await app.request('/v1/requests', { headers })).status).toBe(200);
  });

  it('are not asked for where none are configured, nor for health and documentation', async () => {
    expect((await startApi({ clock }).app.request('/v1/requests')).status).toBe(200);
    const { app } = startApi({ clock, keys: KEYS });
    expect((await app.request('/healthz')).status).toBe(200);
    expect((await app.request('/openapi.json')).status).toBe(200);
  });

  it.each([
    ['GET', '/v1/requests', 'read'],
    ['GET', '/v1/requests/x', 'read'],
    ['GET', '/v1/models', 'read'],
    ['GET', '/v1/models/gpt-4o-mini', 'read'],
    ['GET', '/v1/limits', 'read'],
    ['GET', '/v1/usage', 'read'],
    ['POST', '/v1/requests', 'write'],
    ['DELETE', '/v1/requests/x', 'write'],
    ['POST', '/v1/chat/completions', 'write'],
    ['POST', '/v1/responses', 'write'],
    ['POST', '/v1/embeddings', 'write'],
    ['POST', '/v1/messages', 'write'],
  ])('for %s %s need the scope %s', async (method, path, scope) => {
    const { app } = startApi({ clock, keys: KEYS });
    const status = async (headers: Record<string, string> = {}) =>
      (await app.request(path, { method, headers })).status;
    expect(await status(scope === 'read' ? WRITER : READER)).toBe(403);
    expect(await status(scope === 'read' ? READER : WRITER)).not.toBe(403);
  });
});

describe("another tenant's request", () => {
  it('looks like one that never was, on every route', async () => {
    const { app } = startApi({ clock, keys: KEYS });
    const key = { 'idempotency-key': 'shared' };
    const submit = (who: Record<string, string> | undefined) =>
      app.request('/v1/requests', post({ ...ITEM, tags: ['x'] }, { ...who, ...key }));
    const { id } = Object(await (await submit(A)).json());
    const seen = async (path: string, method = 'GET') => {
      const response = await app.request(path, { method, headers: B ?? {} });
      const text = await response.text();
      const mentioned = path.split(/[/=]/).at(-1) ?? '';
      return [response.status, text.replaceAll(mentioned, 'ID').replaceAll(/call_\w+/g, 'CALL')];
    };
    const unknown = 'req_000000000000000000000000';
    for (const [path, method] of [
      ['/v1/requests/', 'GET'],
      ['/v1/requests/', 'DELETE'],
      ['/v1/requests?after=', 'GET'],
    ] as const) {
      expect(await seen(path + id, method)).toEqual(await seen(path + unknown, method));
    }
    expect((await seen('/v1/requests?tag=x'))[1]).toContain('"data":[]');
    // The key is free for another tenant, even with another request.
    const own = Object(await (await submit(B)).json());
    expect(own.status).toBe('queued');
    expect(own.id).not.toBe(id);
  });
});

describe('reports', () => {
  it('list the models as OpenAI does', async () => {
    const { app } = startApi({ clock });
    const model = {
      id: 'gpt-4o-mini',
      object: 'model',
      created: 0,
      owned_by: 'openai',
      x_penstock: {
        dialect: 'openai',
        lanes: ['live', 'flex'],
        context_window: 128_000,
        max_output_tokens: 16_384,
      },
    };
    const claude = {
      ...model,
      id: 'claude-x',
      owned_by: 'claude',
      x_penstock: { ...model.x_penstock, dialect: 'anthropic', lanes: ['live'] },
    };
    const list = await (await app.request('/v1/models')).json();
    expect(list).toEqual({ object: 'list', data: [model, claude] });
    expect(await (await app.request('/v1/models/gpt-4o-mini')).json()).toEqual(model);
    const unknown = await app.request('/v1/models/nope');
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: 'model_not_found' } });
  });

  it('show what is left of each limit', async () => {
    const { app, stores } = startApi({ clock });
    const model = chatModel();
    await stores.capacity.transact(model.name, () => {
      const state = openState(null, model.limits, clock.nowMs());
      return { state: { ...state, pausedUntilMs: clock.nowMs() + 5_000 }, value: null };
    });
    const list = Object(await (await app.request('/v1/limits')).json());
    const limits = modelLimitsSchema.array().parse(list.data);
    expect(limits[0]).toEqual({
      model: 'gpt-4o-mini',
      provider: 'openai',
      lanes: ['live', 'flex'],
      limits: [
        {
          name: 'requests',
          configured_per_minute: 600,
          per_minute: 600,
          allowed_per_minute: 600,
          burst: 10,
          available: 10,
        },
        {
          name: 'total_tokens',
          configured_per_minute: 60_000,
          per_minute: 60_000,
          allowed_per_minute: 60_000,
          burst: 1_000,
          available: 1_000,
        },
      ],
      concurrency: 20,
      paused_until_ms: clock.nowMs() + 5_000,
    });
    expect(limits[1]?.paused_until_ms).toBeNull();
  });

  it('sum what was used, for the tenant only', async () => {
    const script = () => ({ status: 200, bodyJson: CHAT_ANSWER });
    const { app, worker } = startApi({ clock, keys: KEYS, script });
    await app.request('/v1/requests', post([ITEM, { ...ITEM, tags: ['x'] }], A));
    await worker.drain();
    const rows = async (query: string, headers = A) => {
      const response = await app.request(`/v1/usage?${query}`, { headers: headers ?? {} });
      return usageRowSchema.array().parse(Object(await response.json()).data);
    };
    expect(await rows('group_by=model')).toEqual([
      {
        tag: null,
        model: 'gpt-4o-mini',
        day: null,
        lane: null,
        batch: null,
        requests: 2,
        succeeded: 2,
        failed: 0,
        input_tokens: 18,
        cached_input_tokens: 0,
        output_tokens: 6,
        cost_micro_usd: 84,
      },
    ]);
    expect(await rows('group_by=tag,day')).toHaveLength(2);
    expect(await rows('from=2023-11-14&to=2023-11-15T12:00:00Z&group_by=model')).toHaveLength(1);
    expect(await rows('to=2020-01-01&group_by=model')).toEqual([]);
    expect((await rows('group_by=model', B)).length).toBe(0);
  });

  it.each([
    'group_by=tenant',
    'from=yesterday',
    'from=2026-13-01',
    'tenant=b',
    'from=2026-02-01&to=2026-01-01',
  ])('refuse ?%s', async (query) => {
    const response = await startApi({ clock }).app.request(`/v1/usage?${query}`);
    expect([response.status, Object(await response.json()).errors.length]).toEqual([400, 1]);
  });

  it('say which provider is held and why, in our words', async () => {
    const healthy = await startApi({ clock }).app.request('/healthz');
    expect(await healthy.json()).toEqual({ status: 'ok', providers_held: [] });
    const stop = {
      provider: 'openai',
      code: 'provider_auth_failed' as const,
      message: 'Incorrect API key sk-1',
    };
    const response = await startApi({ clock, stops: [stop] }).app.request('/healthz');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: 'degraded',
      providers_held: [
        {
          provider: 'openai',
          code: 'provider_auth_failed',
          reason: 'The provider refuses the configured key',
        },
      ],
    });
  });
});

describe('/openapi.json', () => {
  it('documents every route the app serves', async () => {
    const { app } = startApi({ clock });
    const document = Object(await (await app.request('/openapi.json')).json());
    expect(document.openapi).toBe('3.1.0');
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(Object(methods)).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    expect(documented.toSorted()).toEqual([...new Set(served)].toSorted());
    expect(served).toHaveLength(48);
    expect(document.components.schemas).toHaveProperty('Submission');
    expect(JSON.stringify(document)).not.toContain('"$ref":"#/components/schemas/undefined');
  });
});

/** A POST whose body comes piece by piece, with no length announced. */
function streaming(body: ReadableStream<Uint8Array>): RequestInit {
  const init: RequestInit & { duplex: 'half' } = { ...post(''), body, duplex: 'half' };
  return init;
}
