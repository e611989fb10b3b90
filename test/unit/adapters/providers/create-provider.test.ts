import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProvider } from '../../../../shared/adapters/providers/create-provider.ts';
import type { ProviderSettings } from '../../../../shared/adapters/providers/settings.ts';
import type { ProviderCall } from '../../../../shared/ports/completion-provider.ts';
import { type HostileServer, reply, startHostileServer } from '../../../support/hostile-server.ts';

const CLOCK = { nowMs: () => 1_795_168_800_000, sleep: () => Promise.resolve() };
const API_KEY = 'sk-proj-verysecret0123456789';
const CALL: ProviderCall = {
  requestId: 'request-1',
  endpoint: '/v1/chat/completions',
  model: 'm',
  body: { model: 'm', messages: [] },
  lane: 'live',
  markSharedPrefix: false,
};
const NEVER = new AbortController().signal;

const create = (settings: Partial<ProviderSettings> & Record<string, unknown>) => {
  const all = { dialect: 'openai', apiKey: API_KEY, ...settings } as ProviderSettings;
  return createProvider('mine', all, { clock: CLOCK });
};

describe('settings', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ apiKey: '' }, 'providers.mine.apiKey'],
    [{ apiKey: 'sk-1\n' }, 'providers.mine.apiKey'],
    [{ baseUrl: 'api.openai.com' }, 'providers.mine.baseUrl'],
    [{ baseUrl: 'ftp://x' }, 'providers.mine.baseUrl'],
    [{ baseUrl: 'https://user:pass@x' }, 'credentials'],
    [{ baseUrl: 'https://x/?api-version=1' }, 'apiVersion'],
    [{ connections: 0 }, 'providers.mine.connections'],
    [{ connections: 1.5 }, 'providers.mine.connections'],
    [{ maxAnswerBytes: -1 }, 'providers.mine.maxAnswerBytes'],
    [{ timeouts: { totalMs: 0 } }, 'providers.mine.timeouts.totalMs'],
    [{ timeouts: { headersMs: 2 ** 31 } }, 'providers.mine.timeouts.headersMs'],
    [{ headers: { Authorization: 'x' } }, 'providers.mine.headers.Authorization'],
    [{ headers: { 'X-Api-Key': 'x' } }, 'providers.mine.headers.X-Api-Key'],
    [{ headers: { Host: 'x' } }, 'providers.mine.headers.Host'],
    [{ headers: { 'transfer-encoding': 'chunked' } }, 'providers.mine.headers'],
    [{ headers: { 'x-a': 'b\r\nc: d' } }, 'providers.mine.headers.x-a'],
    [{ organization: 'a\nb' }, 'openai-organization'],
  ])('%o are refused, naming the setting', (settings, expected) => {
    expect(() => create(settings)).toThrow(
      expect.objectContaining({
        code: 'invalid_configuration',
        message: expect.stringContaining(expected),
      }),
    );
  });

  it('never quote the key', () => {
    expect(() => create({ apiKey: `${API_KEY}\n` })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('verysecret') }),
    );
  });
});

describe('without a call', () => {
  it.each<[string, Partial<ProviderSettings>, Partial<ProviderCall>, string]>([
    ['a stream', {}, { body: { stream: true } }, 'invalid_request'],
    ['a background run', {}, { body: { background: true } }, 'invalid_request'],
    ['messages of OpenAI', {}, { endpoint: '/v1/messages' }, 'unsupported_endpoint'],
    ['chat of Anthropic', { dialect: 'anthropic' }, {}, 'unsupported_endpoint'],
    ['flex embeddings', {}, { endpoint: '/v1/embeddings', lane: 'flex' }, 'lane_unavailable'],
    [
      'flex of Anthropic',
      { dialect: 'anthropic' },
      { endpoint: '/v1/messages', lane: 'flex' },
      'lane_unavailable',
    ],
    ['the native lane', {}, { lane: 'native' }, 'lane_unavailable'],
    ['a body that is no JSON', {}, { body: { n: 1n } }, 'invalid_request'],
  ])('%s is refused', async (_name, settings, call, code) => {
    // Nobody listens there: a connection attempt would end as provider_unreachable.
    const provider = create({ ...settings, baseUrl: 'http://127.0.0.1:1' });
    const outcome = await provider.call({ ...CALL, ...call }, NEVER);
    await provider.close();
    expect(outcome).toMatchObject({ kind: 'failed', code, statusCode: 0, isAmbiguous: false });
  });
});

describe('against a server', () => {
  let server: HostileServer;
  beforeAll(async () => {
    server = await startHostileServer();
  });
  afterAll(() => server.close());

  const callOnce = async (settings: Partial<ProviderSettings> = {}) => {
    const provider = create({ ...settings, baseUrl: server.url });
    const outcome = await provider.call(CALL, NEVER);
    await provider.close();
    return outcome;
  };

  it('masks the key where a provider echoes it, in words and in bodies', async () => {
    const message = `Incorrect API key provided: ${API_KEY} (sk-proj-very****6789).`;
    server.behave(reply(401, JSON.stringify({ error: { message, code: 'invalid_api_key' } })));
    const refused = await callOnce();
    expect(refused).toMatchObject({ code: 'provider_auth_failed', statusCode: 401 });
    expect(JSON.stringify(refused)).not.toContain('verysecret');
    expect(refused).toMatchObject({ message: expect.stringContaining('[redacted]') });

    const answer = { choices: [{ message: { content: `Your key is ${API_KEY}` } }] };
    server.behave(reply(200, JSON.stringify(answer)));
    const answered = await callOnce();
    expect(answered.kind).toBe('answered');
    expect(JSON.stringify(answered)).not.toContain('verysecret');
  });

  it('hands on the words of an error, its body and its id', async () => {
    const body = '{\n  "error": { "message": "No such field", "param": "x", "code": null }\n}';
    server.behave(reply(400, body, { 'x-request-id': 'req_7' }));
    expect(await callOnce()).toEqual({
      kind: 'failed',
      code: 'provider_rejected',
      message: 'No such field',
      statusCode: 400,
      requestId: 'req_7',
      bodyJson: '{"error": { "message": "No such field", "param": "x", "code": null }}',
      throttledBy: null,
      isAmbiguous: false,
      signals: { windows: {} },
    });
  });

  it('takes the wait from the words of a refusal, for want of a header', async () => {
    const message = 'Rate limit reached on tokens per min (TPM). Please try again in 1.5s.';
    const body = JSON.stringify({
      error: { message, type: 'tokens', code: 'rate_limit_exceeded' },
    });
    server.behave(reply(429, body));
    expect(await callOnce()).toMatchObject({
      code: 'provider_throttled',
      throttledBy: 'totalTokens',
      signals: { retryAfterMs: 1_500 },
    });
    server.behave(reply(429, body, { 'retry-after': '3' }));
    expect(await callOnce()).toMatchObject({ signals: { retryAfterMs: 3_000 } });
  });

  it('follows no redirect, and hints at the address', async () => {
    server.requests.length = 0;
    server.behave(reply(307, '', { location: `${server.url}/elsewhere` }));
    const outcome = await callOnce();
    expect(outcome).toMatchObject({ code: 'provider_error', statusCode: 307 });
    expect(outcome).toMatchObject({ message: expect.stringContaining('baseUrl') });
    expect(server.requests).toHaveLength(1);
  });

  it('puts an HTML error into few plain words', async () => {
    server.behave(reply(502, '<html><h1>502  Bad\nGateway</h1></html>'.repeat(200)));
    const outcome = await callOnce();
    expect(outcome).toMatchObject({ code: 'provider_error', bodyJson: null });
    if (outcome.kind !== 'failed') throw new Error('expected a failure');
    expect(outcome.message).toContain('502 Bad Gateway');
    expect(outcome.message.length).toBeLessThan(400);
  });

  it('tells the clock of the provider from ours', async () => {
    const provider = create({ baseUrl: server.url });
    server.behave(
      reply(200, '{"data":[{"id":"a"},{"id":"b"},{}]}', { date: 'Fri, 20 Nov 2026 10:00:30 GMT' }),
    );
    const probe = await provider.probe(NEVER);
    await provider.close();
    expect(probe).toMatchObject({ isAuthorized: true, models: ['a', 'b'] });
    expect(probe.clockSkewMs).toBe(Date.parse('2026-11-20T10:00:30Z') + 500 - CLOCK.nowMs());
  });

  it.each([
    [200, '<html>', 'Check baseUrl'],
    [404, '{"error":{"message":"nope"}}', 'nope'],
    [403, '', 'apiKey'],
    [503, '', 'Try again'],
  ])('probes a server that answers %i %s', async (status, body, detail) => {
    const provider = create({ baseUrl: server.url });
    server.behave(reply(status, body));
    const probe = await provider.probe(NEVER);
    await provider.close();
    expect(probe).toMatchObject({ isReachable: true, isAuthorized: false, models: [] });
    expect(probe.detail).toContain(detail);
  });
});
