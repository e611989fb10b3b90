import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HELLO, post, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const CHAT = '/v1/chat/completions';
const POST_PATHS = [
  '/v1/requests',
  CHAT,
  '/v1/responses',
  '/v1/embeddings',
  '/v1/messages',
] as const;

const withContent = (text: string): string =>
  `{"model":"gpt-4o-mini","messages":[{"role":"user","content":${text}}]}`;
const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const manyKeys = (count: number): string =>
  `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(',')}}`;

const CORPUS: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['blanks', ' \n '],
  ['half an object', '{"model":"gpt-4o-mini",'],
  ['10^6 keys', manyKeys(1_000_000)],
  ['10^6 keys in an array', `[${manyKeys(1_000_000)}]`],
  ['10,001 keys in the body', withContent('1').replace('}]}', `}],"x":${manyKeys(10_001)}}`)],
  ['depth 5,000', deep(5_000)],
  ['depth 100,000 of arrays', '['.repeat(100_000)],
  ['depth 300 inside a body', withContent(deep(300))],
  ['__proto__', withContent('"x"').replace('{', '{"__proto__":{"isAdmin":true},')],
  ['an escaped __proto__', withContent('"x"').replace('{', '{"\\u005f_proto__":{},')],
  ['constructor.prototype', withContent('{"constructor":{"prototype":{"a":1}}}')],
  ['a lone surrogate', withContent('"\\ud83d"')],
  ['a raw NUL', withContent('"\0"')],
  ['1e400', withContent('1e400')],
  ['-1e400', withContent('-1e400')],
  ['an integer beyond 2^53', withContent('9007199254740993')],
  ['NaN', withContent('NaN')],
  ['duplicate keys', withContent('"x","content":"y"')],
  ['a comment', `/* */${withContent('"x"')}`],
  ['two values', `${withContent('"x"')} ${withContent('"x"')}`],
];

function start() {
  // A wait of no length: what is accepted by a synchronous route is answered 504 at once.
  return startApi({ clock: new FakeClock(), syncWaitMs: 0 });
}

async function statusAndText(path: string, init: RequestInit, app = start().app) {
  const response = await app.request(path, init);
  return { status: response.status, text: await response.text() };
}

describe('hostile bodies', () => {
  it.each(CORPUS)('%s is a 4xx on every route, in little time', async (_, body) => {
    const { app, segments } = start();
    for (const path of POST_PATHS) {
      const before = process.cpuUsage();
      const { status, text } = await statusAndText(path, post(body), app);
      const { user, system } = process.cpuUsage(before);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(text.length).toBeLessThan(3_000);
      expect((user + system) / 1_000).toBeLessThan(1_000);
    }
    expect(segments.lines).toEqual([]);
  });

  it.each(CORPUS)('%s fails alone among lines', async (_, body) => {
    const line = body.replaceAll('\n', ' ');
    const good = JSON.stringify({ endpoint: CHAT, body: HELLO });
    const init = post(`${good}\n${line}\n${good}`, { 'content-type': 'application/jsonl' });
    const { status, text } = await statusAndText('/v1/requests', init);
    expect(status).toBe(202);
    expect(JSON.parse(text).accepted).toBe(2);
  });

  it('leave the prototypes of objects alone', async () => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    const { app } = start();
    for (const [, body] of CORPUS) await statusAndText('/v1/requests', post(body), app);
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    expect(Object.hasOwn({}, 'isAdmin') || 'isAdmin' in {}).toBe(false);
  });

  it('of bytes that are not UTF-8 are a 400', async () => {
    const { app } = start();
    const bytes = Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xff, 0xfe, 0x00])]);
    const response = await app.request(CHAT, { ...post(''), body: bytes });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining('UTF-8'),
    ]);
  });

  it('are judged and kept byte for byte where they are only odd', async () => {
    const { app, segments } = start();
    const text =
      'NUL \0, U+FFFF \uffff, U+2028 \u2028, RTL \u202e, 😀, <script>, \r\n{"level":"x"}';
    const body = { ...HELLO, messages: [{ role: 'user', content: text }] };
    const { status } = await statusAndText('/v1/requests', post({ endpoint: CHAT, body }), app);
    expect(status).toBe(202);
    const line = Buffer.from(segments.lines[0] ?? []).toString();
    expect(JSON.parse(line)).toEqual(body);
    expect(line).not.toContain('\n');
  });
});

describe('no input gives a 5xx', () => {
  const types = fc.constantFrom('application/json', 'application/jsonl', 'text/plain', '');
  const path = fc.constantFrom(...POST_PATHS);

  it('of arbitrary bytes', async () => {
    const { app } = start();
    await fc.assert(
      fc.asyncProperty(path, types, fc.uint8Array({ maxLength: 300 }), async (to, type, body) => {
        const headers = { 'content-type': type };
        const { status } = await statusAndText(to, { method: 'POST', headers, body }, app);
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });

  it('of bodies that are nearly right', async () => {
    const { app } = start();
    const odd = fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.string({ unit: 'binary' }));
    const good = { endpoint: CHAT, method: 'POST', completion_window: '15m', body: HELLO };
    const changed = <Base extends object>(base: Base, names: string[]) =>
      fc
        .dictionary(fc.constantFrom(...names), odd, { maxKeys: 2 })
        .map((changes) => ({ ...base, ...changes }));
    const item = fc.oneof(
      changed(good, ['id', 'custom_id', 'model', 'endpoint', 'url', 'method', 'tags', 'tenant']),
      changed(good, ['body', 'completion_window', 'lane', 'priority']),
      changed(HELLO, ['model', 'messages', 'metadata', 'stream', 'n']).map((body) => ({
        ...good,
        body,
      })),
      changed(HELLO, ['model', 'messages', 'metadata', 'stream', 'n']),
    );
    const body = fc.oneof(item, fc.array(item, { maxLength: 4 }));
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(path, body, async (to, value) => {
        const { status, text } = await statusAndText(to, post(value), app);
        const isTimeout = status === 504 && to !== '/v1/requests';
        if (status === 202) accepted += 1;
        if (!isTimeout) expect(status).toBeLessThan(500);
        expect(JSON.parse(text)).toBeTypeOf('object');
      }),
      { numRuns: 600 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  it('of paths, queries and headers', async () => {
    const { app } = start();
    const text = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.constantFrom('%', '%00', '%ff', '%E0%A4%A', '..', '//', '?', '#', ';', '\u202e'),
    );
    const where = fc.constantFrom(
      '/v1/requests/',
      '/v1/requests?tag=',
      '/v1/requests?after=',
      '/v1/requests?limit=',
      '/v1/requests?status=succeeded&tag=',
      '/v1/requests/x?wait=',
      '/v1/usage?from=',
      '/v1/usage?group_by=',
      '/v1/models/',
      '/v1/',
      '/',
    );
    const method = fc.constantFrom('GET', 'DELETE', 'POST', 'PUT', 'HEAD', 'OPTIONS');
    const header = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map(latin1) });
    await fc.assert(
      fc.asyncProperty(where, text, method, header, async (prefix, tail, verb, value) => {
        const url = `http://localhost${prefix}${tail}`;
        if (!URL.canParse(url)) return;
        const headers = { authorization: value, 'idempotency-key': value, 'content-type': value };
        const { status } = await statusAndText(url, { method: verb, headers }, app);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 600 },
    );
  });
});

function latin1(code: number): string {
  return String.fromCharCode(code);
}
