import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProvider } from '../../../shared/adapters/providers/create-provider.ts';
import type { ProviderSettings } from '../../../shared/adapters/providers/settings.ts';
import type { ProviderOutcome } from '../../../shared/domain/capacity/provider-outcome.ts';
import { ERROR_DISPOSITIONS } from '../../../shared/domain/errors.ts';
import type { Endpoint } from '../../../shared/domain/requests/request.ts';
import type { CompletionProvider } from '../../../shared/ports/completion-provider.ts';
import {
  type HostileServer,
  raw,
  reply,
  silence,
  startHostileServer,
} from '../../support/hostile-server.ts';
import { GOOD_ANSWERS } from './good-answers.ts';
import { hostileReplies } from './hostile-replies.ts';

const CLOCK = { nowMs: () => Date.now(), sleep: () => Promise.resolve() };
/** Room for the ten megabytes that are to be taken. */
const MAX_BYTES = 10_500_000;
const NEVER = new AbortController().signal;

const subjects: [title: string, endpoint: Endpoint, dialect: ProviderSettings['dialect']][] = [
  ['openai chat', '/v1/chat/completions', 'openai'],
  ['openai responses', '/v1/responses', 'openai'],
  ['openai embeddings', '/v1/embeddings', 'openai'],
  ['azure chat', '/v1/chat/completions', 'azure-openai'],
  ['anthropic messages', '/v1/messages', 'anthropic'],
];

let server: HostileServer;
beforeAll(async () => {
  server = await startHostileServer();
});
afterAll(() => server.close());

const create = (
  dialect: ProviderSettings['dialect'],
  settings: Partial<ProviderSettings> = {},
): CompletionProvider =>
  createProvider(
    'hostile',
    {
      apiKey: 'sk-0123456789abcdef0123',
      maxAnswerBytes: MAX_BYTES,
      ...settings,
      dialect,
      baseUrl: server.url,
    } as ProviderSettings,
    { clock: CLOCK },
  );

const call = (
  provider: CompletionProvider,
  endpoint: Endpoint = '/v1/chat/completions',
): Promise<ProviderOutcome> =>
  provider.call(
    {
      requestId: 'request-1',
      endpoint,
      model: 'm',
      body: { model: 'm' },
      lane: 'live',
      markSharedPrefix: true,
    },
    NEVER,
  );

/** What holds for every outcome, however it came about. */
function expectSound(outcome: ProviderOutcome): void {
  if (outcome.bodyJson !== null) {
    expect(outcome.bodyJson).not.toMatch(/[\r\n\u2028\u2029]/);
    JSON.parse(outcome.bodyJson);
  }
  if (outcome.kind === 'answered') {
    for (const tokens of Object.values(outcome.usage)) {
      expect(Number.isSafeInteger(tokens) && tokens >= 0).toBe(true);
    }
    return;
  }
  expect(ERROR_DISPOSITIONS).toHaveProperty(outcome.code);
  expect(outcome.code).not.toBe('internal');
  expect(outcome.message).not.toBe('');
  expect(outcome.message.length).toBeLessThan(1_100);
  expect(outcome.message).not.toMatch(/[\r\n]/);
}

it.each(subjects)(
  '%s withstands every hostile reply, one call each',
  async (_title, endpoint, dialect) => {
    const provider = create(dialect);
    const replies = hostileReplies(endpoint, MAX_BYTES);
    expect(replies.length).toBeGreaterThan(500);
    const wrong: string[] = [];
    for (const { title, behaviour, expected } of replies) {
      server.behave(behaviour);
      server.requests.length = 0;
      const outcome = await call(provider, endpoint);
      expectSound(outcome);
      const found = outcome.kind === 'answered' ? 'answered' : outcome.code;
      if (!expected.includes(found)) wrong.push(`${title}: ${found}, not ${expected.join(' or ')}`);
      if (server.requests.length !== 1) wrong.push(`${title}: ${server.requests.length} calls`);
    }
    await provider.close();
    expect(wrong).toEqual([]);
  },
  60_000,
);

describe('whatever comes over the wire', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text)),
    fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(text)),
  );

  it.each(subjects)('%s ends with an outcome: any body', async (_title, endpoint, dialect) => {
    const provider = create(dialect);
    const status = fc.oneof(fc.constant(200), fc.integer({ min: 200, max: 999 }));
    await fc.assert(
      fc.asyncProperty(status, bytes, async (statusCode, body) => {
        server.behave(reply(statusCode, statusCode === 204 || statusCode === 304 ? '' : body));
        expectSound(await call(provider, endpoint));
      }),
      { numRuns: 150 },
    );
    await provider.close();
  });

  it('any headers', async () => {
    const provider = create('openai');
    const name = fc.constantFrom(
      'retry-after',
      'retry-after-ms',
      'date',
      'x-request-id',
      'x-ratelimit-limit-tokens',
      'x-ratelimit-remaining-tokens',
      'x-ratelimit-reset-tokens',
      'anthropic-ratelimit-requests-limit',
      'anthropic-ratelimit-requests-reset',
      'content-encoding',
      'content-type',
      'keep-alive',
      '__proto__',
    );
    const value = fc.stringMatching(/^[\x21-\x7e\xa1-\xff]{0,40}$/);
    const status = fc.constantFrom(200, 400, 429, 503);
    const body = JSON.stringify(GOOD_ANSWERS['/v1/chat/completions']);
    await fc.assert(
      fc.asyncProperty(status, fc.array(fc.tuple(name, value)), async (statusCode, headers) => {
        const lines = headers.map(([key, text]) => `${key}: ${text}\r\n`).join('');
        const head = `HTTP/1.1 ${statusCode} Any\r\n${lines}content-length: ${Buffer.byteLength(body)}\r\n\r\n`;
        server.behave(raw(Buffer.from(head, 'latin1'), body));
        expectSound(await call(provider));
      }),
      { numRuns: 300 },
    );
    await provider.close();
  });

  it('any bytes at all', async () => {
    const provider = create('openai', { timeouts: { totalMs: 200 } });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\n\r\n'),
        bytes,
        async (head, rest) => {
          server.behave((socket) => {
            socket.end(Buffer.concat([Buffer.from(head), rest]));
          });
          expectSound(await call(provider));
        },
      ),
      { numRuns: 150 },
    );
    await provider.close();
  });
});

describe('time', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n';

  it.each([
    ['a server that says nothing', silence, { headersMs: 300 }, 'headers timeout'],
    ['a server that falls silent', raw(head, '{'), { bodyIdleMs: 300 }, 'fell silent'],
    [
      'a server that only hints',
      raw('HTTP/1.1 103 Early Hints\r\n\r\n'),
      { headersMs: 300 },
      'headers timeout',
    ],
    ['a server that says nothing, in all', silence, { totalMs: 50 }, 'within 50 ms'],
  ] as const)('runs out with %s', async (_title, behaviour, timeouts, words) => {
    const provider = create('openai', { timeouts });
    server.behave(behaviour);
    const outcome = await call(provider);
    await provider.close();
    expect(outcome).toMatchObject({ code: 'provider_timeout', isAmbiguous: true });
    expect(outcome).toMatchObject({ message: expect.stringContaining(words) });
  });

  it('runs out with a server that dribbles for ever', async () => {
    const provider = create('openai', { timeouts: { totalMs: 150 } });
    server.behave((socket) => {
      socket.write(head);
      const timer = setInterval(() => socket.write(' '), 5);
      socket.on('close', () => clearInterval(timer));
    });
    const outcome = await call(provider);
    await provider.close();
    expect(outcome).toMatchObject({ code: 'provider_timeout', statusCode: 200, isAmbiguous: true });
  });

  it('counts the wait for a connection, and sends nothing after it', async () => {
    const provider = create('openai', { connections: 1, timeouts: { totalMs: 100 } });
    server.requests.length = 0;
    server.behave(silence);
    const [first, second] = await Promise.all([call(provider), call(provider)]);
    expect(first).toMatchObject({ code: 'provider_timeout', isAmbiguous: true });
    expect(second).toMatchObject({ code: 'provider_timeout', isAmbiguous: false });
    server.behave(reply(200, JSON.stringify(GOOD_ANSWERS['/v1/chat/completions'])));
    expect((await call(provider)).kind).toBe('answered');
    await provider.close();
    expect(server.requests).toHaveLength(2);
  });
});

describe('connections', () => {
  const good = reply(200, JSON.stringify(GOOD_ANSWERS['/v1/chat/completions']));

  it('are used again, and never more than allowed', async () => {
    const provider = create('openai', { connections: 3 });
    server.behave(good);
    const before = server.connections();
    await Promise.all(Array.from({ length: 60 }, () => call(provider)));
    await provider.close();
    expect(server.connections() - before).toBe(3);
  });

  it('are given up when the server closes them while idle, without losing a call', async () => {
    const provider = create('openai', { connections: 1 });
    for (let round = 0; round < 20; round += 1) {
      server.behave((socket, request) => {
        good(socket, request);
        socket.end();
      });
      expect((await call(provider)).kind).toBe('answered');
    }
    await provider.close();
  });

  it('share one abort signal among thousands of calls', async () => {
    const provider = create('openai', { connections: 50 });
    const controller = new AbortController();
    server.behave(silence);
    const calls = Array.from({ length: 2_000 }, () =>
      provider.call(
        {
          requestId: 'r',
          endpoint: '/v1/chat/completions',
          model: 'm',
          body: {},
          lane: 'live',
          markSharedPrefix: false,
        },
        controller.signal,
      ),
    );
    setTimeout(() => controller.abort(), 20);
    const outcomes = await Promise.all(calls);
    await provider.close();
    expect(
      outcomes.every((outcome) => outcome.kind === 'failed' && outcome.code === 'provider_timeout'),
    ).toBe(true);
  });
});
