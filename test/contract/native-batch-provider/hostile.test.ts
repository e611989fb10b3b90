/** Answers no provider should send, and some do: on every call, and in the middle of results. */

import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ERROR_DISPOSITIONS } from '../../../shared/domain/errors.ts';
import type { NativeBatchProvider } from '../../../shared/ports/native-batch-provider.ts';
import {
  type Behaviour,
  type HostileServer,
  raw,
  reply,
  silence,
  startHostileServer,
  thenClose,
  thenReset,
} from '../../support/hostile-server.ts';
import {
  createScripted,
  type DialectName,
  endedBatch,
  endpointOf,
  goodLine,
  inputFor,
  isEnd,
  NEVER,
  type RowOrFailure,
  readAll,
} from './scripted.ts';

const MAX_BYTES = 1_000_000;
const TIMEOUTS = { headersMs: 1_000, bodyIdleMs: 300, totalMs: 2_000 };
const SUBJECTS = ['openai', 'azure dated', 'mistral', 'anthropic'] as const;

let server: HostileServer;
const providers = new Map<DialectName, NativeBatchProvider>();
beforeAll(async () => {
  server = await startHostileServer();
  for (const dialect of SUBJECTS) {
    const more = { maxAnswerBytes: MAX_BYTES, timeouts: TIMEOUTS, batchLimits: { mostRows: 500 } };
    providers.set(dialect, createScripted(dialect, server.url, more));
  }
});
afterAll(async () => {
  for (const provider of providers.values()) await provider.close();
  await server.close();
});
beforeEach(() => {
  server.requests.length = 0;
});
const of = (dialect: DialectName): NativeBatchProvider => {
  const provider = providers.get(dialect);
  if (provider === undefined) throw new Error(dialect);
  return provider;
};

/** Every call, its outcome in one word. */
const CALLS = ['upload', 'create', 'list', 'get', 'cancel', 'delete'] as const;
async function outcomeOf(call: (typeof CALLS)[number], dialect: DialectName): Promise<string> {
  const provider = of(dialect);
  const input = inputFor(dialect, [{ model: 'ours', n: 1 }]);
  const told = async (pending: Promise<{ kind: string; code?: string; message?: string }>) => {
    const { kind, code, message } = await pending;
    if (kind !== 'failed') return kind;
    expect(Object.keys(ERROR_DISPOSITIONS)).toContain(code);
    expect((message ?? '').length).toBeLessThanOrEqual(1_001);
    return code ?? '';
  };
  switch (call) {
    case 'upload':
      return told(provider.upload(input, NEVER));
    case 'create':
      return told(provider.create(input, 'file-1', NEVER));
    case 'get':
      return told(provider.get('batch_1', NEVER));
    case 'cancel':
      return told(provider.cancel('batch_1', NEVER));
    case 'delete':
      return told(provider.deleteFiles(['file-1'], NEVER));
    case 'list': {
      let last = 'none';
      for await (const page of provider.list(0, NEVER)) last = await told(Promise.resolve(page));
      return last;
    }
  }
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const BOMB = gzipSync(Buffer.alloc(50_000_000, ' '));
const gzipped = (bytes: Buffer): Behaviour => reply(200, bytes, { 'content-encoding': 'gzip' });

const replies: [title: string, behaviour: Behaviour, expected: string[]][] = [
  ['closes at once', thenClose(raw()), ['provider_error']],
  ['resets at once', thenReset(raw()), ['provider_error']],
  ['is not HTTP', thenClose(raw('SSH-2.0-OpenSSH_9.9\r\n')), ['provider_malformed']],
  [
    'is cut short',
    thenClose(raw(`${HEAD}content-length: 90\r\n\r\n{"id":`)),
    ['provider_malformed'],
  ],
  ['is a page', reply(200, '<html>Sign in</html>'), ['provider_malformed']],
  ['is nothing', reply(200, ''), ['provider_malformed']],
  ['is null', reply(200, 'null'), ['provider_malformed']],
  ['is a list', reply(200, '[[]]'), ['provider_malformed']],
  ['has an id that is none', reply(200, '{"id":7,"status":"completed"}'), ['provider_malformed']],
  [
    'has an id with a line break',
    reply(200, '{"id":"a\\nb","status":"x"}'),
    ['provider_malformed'],
  ],
  ['is a bomb', gzipped(BOMB), ['provider_malformed']],
  [
    'is larger than is taken',
    reply(200, `{"id":"${'x'.repeat(MAX_BYTES)}"}`),
    ['provider_malformed'],
  ],
  ['goes elsewhere', reply(302, '', { location: 'http://127.0.0.1:1/' }), ['provider_error']],
  ['is a page that is not there', reply(404, '<html>'), ['unsupported_endpoint', 'not_found']],
  ['is a gateway in trouble', reply(502, '<html>Bad gateway</html>'), ['provider_error']],
  ['is busy', reply(503, '{"error":{"message":"busy"}}'), ['provider_overloaded']],
  ['says nothing', silence, ['provider_timeout']],
  ['falls silent', raw(`${HEAD}content-length: 90\r\n\r\n{`), ['provider_timeout']],
];

describe.each(SUBJECTS)('%s, whatever comes', (dialect) => {
  it.each(replies)('when it %s, tells so after one call', async (_title, behaviour, expected) => {
    server.behave(behaviour);
    const calls = dialect === 'anthropic' ? CALLS.filter((call) => call !== 'upload') : CALLS;
    for (const call of calls) {
      // To wait for the time of one call to be over is enough.
      if (expected.includes('provider_timeout') && call !== 'create') continue;
      server.requests.length = 0;
      const outcome = await outcomeOf(call, dialect);
      const isDeleted = call === 'delete' && (outcome === 'done' || expected.includes('not_found'));
      if (isDeleted) expect(outcome).toMatch(/^(?:done|provider_\w+)$/);
      else expect(expected.map((code) => `${call} ${code}`)).toContain(`${call} ${outcome}`);
      // A refused cancel looks whether the batch has ended.
      expect(server.requests.length).toBeLessThanOrEqual(call === 'cancel' ? 2 : 1);
    }
  });

  it('reads any JSON for what it is', async () => {
    const anything = fc.oneof(
      fc.json({ maxDepth: 3 }),
      fc
        .dictionary(
          fc.constantFrom(...Object.keys(endedBatch(dialect)), '__proto__'),
          fc.jsonValue(),
        )
        .map((changes) => JSON.stringify({ ...endedBatch(dialect), ...changes })),
    );
    await fc.assert(
      fc.asyncProperty(anything, fc.constantFrom('get', 'list', 'create'), async (text, call) => {
        server.behave(reply(200, call === 'list' ? `{"data":[${text}],"has_more":false}` : text));
        expect(await outcomeOf(call, dialect)).toMatch(/^(?:done|provider_malformed)$/);
      }),
      { numRuns: 150 },
    );
  });
});

describe.each(SUBJECTS)('%s, results', (dialect) => {
  const line = (rowId: string): string => goodLine(dialect, rowId);
  const outcome = (all: readonly RowOrFailure[]): string =>
    all.map((one) => (isEnd(one) ? one.code : one.kind)).join(' ');
  const read = async (behaviour: Behaviour, fromRow = 0): Promise<string> => {
    server.behave(behaviour);
    return outcome(await readAll(of(dialect), dialect, fromRow));
  };
  const two = (): string => `${line('r1')}\n${line('r2')}\n`;

  it('that are no results', async () => {
    expect(await read(reply(200, '<!doctype html>\n<p>Sign in</p>\n'))).toBe('provider_malformed');
    expect(await read(reply(404, '{"error":{"message":"gone"}}'))).toBe('not_found');
    expect(await read(reply(410, 'gone'))).toBe('not_found');
    expect(await read(reply(401, '{"error":{"code":"invalid_api_key"}}'))).toBe(
      'provider_auth_failed',
    );
    expect(await read(reply(302, '', { location: 'http://127.0.0.1:1/' }))).toBe('provider_error');
    expect(await read(reply(500, 'x'.repeat(3_000_000)))).toBe('provider_error');
    expect(await read(thenClose(raw()))).toBe('provider_error');
    expect(await read(thenReset(raw(`${HEAD}\r\n`)))).toBe('provider_malformed');
  });

  it('that are cut, by the connection or in the file', async () => {
    const length = Buffer.byteLength(two()) + 50;
    const cut = `${HEAD}content-length: ${length}\r\n\r\n${two()}{"custom_id":"r3","resp`;
    expect(await read(thenClose(raw(cut)))).toBe('answered answered provider_malformed');
    expect(await read(thenReset(raw(cut)))).toMatch(/^(?:answered ){0,2}provider_malformed$/);
    expect(await read(raw(cut))).toBe('answered answered provider_timeout');
    expect(await read(reply(200, `${two()}{"custom_id":"r3","resp`))).toBe(
      'answered answered provider_malformed',
    );
    expect(await read(reply(200, `${two()}${line('r3')}`))).toBe('answered answered answered');
    expect(await read(reply(200, `${two()}{"custom_id":"r3","resp`), 2)).toBe('provider_malformed');
  });

  it('that are compressed though nobody asked', async () => {
    const bytes = Buffer.from(two());
    const encoded: [string, Buffer][] = [
      ['gzip', gzipSync(bytes)],
      ['br', brotliCompressSync(bytes)],
      ['zstd', zstdCompressSync(bytes)],
      ['identity', bytes],
    ];
    for (const [encoding, body] of encoded) {
      expect(await read(reply(200, body, { 'content-encoding': encoding }))).toBe(
        'answered answered',
      );
    }
    expect(await read(reply(200, bytes, { 'content-encoding': 'rot13' }))).toBe(
      'provider_malformed',
    );
    expect(await read(gzipped(Buffer.from('not gzip')))).toBe('provider_malformed');
    expect(await read(gzipped(gzipSync(bytes).subarray(0, 60)))).toMatch(/provider_malformed$/);
  });

  it('that blow up: one line, or no end of blank ones', async () => {
    expect(await read(gzipped(BOMB))).toBe('provider_malformed');
    expect(await read(gzipped(gzipSync(Buffer.alloc(50_000_000, '\n'))))).toBe(
      'provider_malformed',
    );
    expect(await read(reply(200, `${two()}${'x'.repeat(MAX_BYTES + 1)}\n`))).toBe(
      'answered answered provider_malformed',
    );
    const many = gzipSync(Buffer.from('{}\n'.repeat(2_000_000)));
    expect(await read(gzipped(many))).toMatch(/^(?:unreadable ){1000}provider_malformed$/);
  });

  it('that are odd here and there', async () => {
    const odd = `\ufeff${line('r1')}\r\n\n   \n{"custom_id":\n[]\n"x"\nnull\n{}\n${line('r2')}\n\n`;
    expect(await read(reply(200, odd))).toBe(
      'answered unreadable unreadable unreadable unreadable unreadable answered',
    );
    expect(await read(reply(200, odd), 6)).toBe('answered');
  });

  it('in pieces of any size are the same', async () => {
    const text = `${line('é1')}\n${line('😀2')}\n`;
    const bytes = Buffer.from(text);
    server.behave((socket) => {
      socket.write(`${HEAD}content-length: ${bytes.length}\r\n\r\n`);
      for (let at = 0; at < bytes.length; at += 7) socket.write(bytes.subarray(at, at + 7));
    });
    const all = await readAll(of(dialect), dialect);
    expect(all.map((one) => ('rowId' in one ? one.rowId : one.kind))).toEqual(['é1', '😀2']);
  });

  it('may be anything within a row', async () => {
    const good = JSON.parse(line('r1')) as Record<string, unknown>;
    const part = dialect === 'anthropic' ? 'result' : 'response';
    const inner = good[part] as Record<string, unknown>;
    const names = ['type', 'message', 'error', 'status_code', 'body', 'request_id', '__proto__'];
    const rows = fc.oneof(
      fc.dictionary(fc.constantFrom(...Object.keys(good), 'error'), fc.jsonValue()),
      fc.dictionary(fc.constantFrom(...names), fc.jsonValue()).map((changes) => ({
        ...good,
        [part]: { ...inner, ...changes },
      })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { maxLength: 5 }), async (some) => {
        server.behave(reply(200, some.map((row) => `${JSON.stringify(row)}\n`).join('')));
        const all = await readAll(of(dialect), dialect);
        expect(all).toHaveLength(some.length);
        for (const one of all) {
          expect(isEnd(one)).toBe(false);
          if (one.kind === 'answered') expect(one.bodyJson).not.toMatch(/[\r\n]/);
          if (one.kind === 'failed') expect(Object.keys(ERROR_DISPOSITIONS)).toContain(one.code);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('end on abort, and leave the connection', async () => {
    const controller = new AbortController();
    server.behave(raw(`${HEAD}content-length: 9000\r\n\r\n${two()}`));
    const query = { output: 'out-1', endpoint: endpointOf(dialect), model: 'm', fromRow: 0 };
    const all: RowOrFailure[] = [];
    for await (const one of of(dialect).rows(query, controller.signal)) {
      all.push(one);
      if (all.length === 2) setTimeout(() => controller.abort(), 10);
    }
    expect(outcome(all)).toBe('answered answered provider_timeout');
    expect(await read(reply(200, two()))).toBe('answered answered');
  });

  it('wait for a slow reader without a timeout', async () => {
    const many = Array.from({ length: 400 }, (_, row) => line(`r${row}`)).join('\n');
    server.behave(reply(200, many));
    let read = 0;
    const query = { output: 'out-1', endpoint: endpointOf(dialect), model: 'm', fromRow: 0 };
    for await (const one of of(dialect).rows(query, NEVER)) {
      expect(one.kind).toBe('answered');
      read += 1;
      if (read % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 700));
    }
    expect(read).toBe(400);
  });
});
