/** Replies no provider should send, and some do: each with what an adapter may make of it. */

import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import type { ErrorCode } from '../../../shared/domain/errors.ts';
import type { Endpoint } from '../../../shared/domain/requests/request.ts';
import { type Behaviour, raw, reply, thenClose, thenReset } from '../../support/hostile-server.ts';
import { GOOD_ANSWERS } from './good-answers.ts';

export interface HostileReply {
  readonly title: string;
  readonly behaviour: Behaviour;
  /** Codes that are right; `answered` where it is an answer after all. */
  readonly expected: readonly (ErrorCode | 'answered')[];
}

const MALFORMED = ['provider_malformed'] as const;
const ANSWERED = ['answered'] as const;
const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

/** Everything for one endpoint, from the wire upwards. Answers are accepted up to `maxBytes`. */
export function hostileReplies(endpoint: Endpoint, maxBytes: number): HostileReply[] {
  const good = GOOD_ANSWERS[endpoint];
  const json = JSON.stringify(good);
  return [
    ...onTheWire(json),
    ...encoded(json, maxBytes),
    ...cutShort(json),
    ...byStatus(),
    ...notAnAnswer(),
    ...wronglyTyped(good),
    ...oddButGood(good, json),
  ];
}

function onTheWire(json: string): HostileReply[] {
  const bytes = Buffer.byteLength(json);
  const one = (
    title: string,
    behaviour: Behaviour,
    ...expected: (ErrorCode | 'answered')[]
  ): HostileReply => ({ title, behaviour, expected });
  return [
    one('closes at once', thenClose(raw()), 'provider_error'),
    one('resets at once', thenReset(raw()), 'provider_error'),
    one('closes within the status line', thenClose(raw('HTTP/1.1 2')), 'provider_error'),
    one('closes within the head', thenClose(raw(OK)), 'provider_error'),
    one('resets after the head', thenReset(raw(`${OK}content-length: 90\r\n\r\n`)), ...MALFORMED),
    one('is not HTTP', thenClose(raw('SSH-2.0-OpenSSH_9.9\r\n')), ...MALFORMED),
    one('is another HTTP', thenClose(raw('HTTP/9.9 200 OK\r\n\r\n')), ...MALFORMED),
    one('is TLS', thenClose(raw(Buffer.from('15030300020228', 'hex'))), ...MALFORMED),
    one('is nothing but NUL bytes', thenClose(raw(Buffer.alloc(4_096))), ...MALFORMED),
    one(
      'switches protocols',
      raw('HTTP/1.1 101 Any\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n'),
      'provider_error',
      'provider_malformed',
    ),
    one(
      'continues',
      raw(`HTTP/1.1 100 Continue\r\n\r\n${OK}content-length: ${bytes}\r\n\r\n${json}`),
      'provider_error',
      'provider_malformed',
      'answered',
    ),
    one(
      'gives early hints',
      raw(
        `${'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'.repeat(20)}${OK}content-length: ${bytes}\r\n\r\n${json}`,
      ),
      'answered',
    ),
    one(
      'has a huge header',
      raw(`${OK}x-bomb: ${'b'.repeat(300_000)}\r\ncontent-length: ${bytes}\r\n\r\n${json}`),
      ...MALFORMED,
    ),
    one(
      'has very many headers',
      raw(`${OK}${'x-a: b\r\n'.repeat(20_000)}content-length: ${bytes}\r\n\r\n${json}`),
      ...MALFORMED,
    ),
    one(
      'has a header without a name',
      thenClose(raw(`${OK}: x\r\ncontent-length: ${bytes}\r\n\r\n${json}`)),
      ...MALFORMED,
    ),
    one(
      'has a header called __proto__',
      raw(`${OK}__proto__: x\r\nconstructor: y\r\ncontent-length: ${bytes}\r\n\r\n${json}`),
      'answered',
    ),
    one(
      'repeats every header',
      raw(
        `${OK}${'x-ratelimit-limit-requests: 5\r\nretry-after: 1\r\ndate: x\r\nx-request-id: r\r\n'.repeat(3)}content-length: ${bytes}\r\n\r\n${json}`,
      ),
      'answered',
    ),
    one(
      'has two lengths',
      thenClose(raw(`${OK}content-length: ${bytes}\r\ncontent-length: 5\r\n\r\n${json}`)),
      ...MALFORMED,
    ),
    one(
      'has a length that is no number',
      thenClose(raw(`${OK}content-length: x\r\n\r\n${json}`)),
      ...MALFORMED,
    ),
    one(
      'has a negative length',
      thenClose(raw(`${OK}content-length: -5\r\n\r\n${json}`)),
      ...MALFORMED,
    ),
    one(
      'has length and chunks',
      thenClose(
        raw(`${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
      ),
      ...MALFORMED,
    ),
    one(
      'has a broken chunk',
      thenClose(raw(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n${json}\r\n0\r\n\r\n`)),
      ...MALFORMED,
    ),
    one(
      'has a chunk too many to read',
      thenClose(raw(`${OK}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n`)),
      ...MALFORMED,
    ),
    one(
      'ends before its last chunk',
      thenClose(raw(`${OK}transfer-encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${json}\r\n`)),
      ...MALFORMED,
    ),
    one(
      'comes in chunks of one byte',
      raw(
        `${OK}transfer-encoding: chunked\r\n\r\n`,
        ...[...Buffer.from(json)].map((byte) =>
          Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]),
        ),
        '0\r\nx-trailer: y\r\n\r\n',
      ),
      'answered',
    ),
    one(
      'is longer than it says',
      raw(`${OK}content-length: ${bytes - 5}\r\n\r\n${json}`),
      ...MALFORMED,
    ),
    one(
      'is followed by garbage',
      raw(`${OK}content-length: ${bytes}\r\n\r\n${json}GARBAGE`),
      'answered',
    ),
    one(
      'is followed by a second answer',
      raw(`${OK}content-length: ${bytes}\r\n\r\n${json}${OK}content-length: 2\r\n\r\n{}`),
      'answered',
    ),
    one(
      'has no length and ends with the connection',
      thenClose(raw(`${OK}\r\n${json}`)),
      'answered',
    ),
    one('is HTTP/1.0', thenClose(raw(`HTTP/1.0 200 OK\r\n\r\n${json}`)), 'answered'),
  ];
}

function encoded(json: string, maxBytes: number): HostileReply[] {
  // A good answer but for its size.
  const bomb = Buffer.concat([Buffer.from(json), Buffer.alloc(maxBytes * 2, 0x20)]);
  const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
  const one = (
    title: string,
    encoding: string,
    body: Buffer,
    ...expected: (ErrorCode | 'answered')[]
  ): HostileReply => ({
    title,
    behaviour: reply(200, body, { 'content-encoding': encoding }),
    expected,
  });
  const compressed = gzipSync(json);
  return [
    one('gzip', 'gzip', compressed, 'answered'),
    one('gzip in capitals', ' GZIP ', compressed, 'answered'),
    one('deflate', 'deflate', deflateSync(json), 'answered'),
    one('brotli', 'br', brotliCompressSync(json), 'answered'),
    one('identity', 'identity', Buffer.from(json), 'answered'),
    one('a gzip bomb', 'gzip', gzipSync(bomb), ...MALFORMED),
    one('a brotli bomb', 'br', brotliCompressSync(bomb, quick), ...MALFORMED),
    one('a deflate bomb', 'deflate', deflateSync(bomb), ...MALFORMED),
    one('cut gzip', 'gzip', compressed.subarray(0, compressed.length - 9), ...MALFORMED),
    one('gzip that is none', 'gzip', Buffer.from(json), ...MALFORMED),
    one('empty gzip', 'gzip', Buffer.alloc(0), ...MALFORMED),
    one('an unknown encoding', 'rot13', Buffer.from(json), ...MALFORMED),
    one('a stacked encoding', 'gzip, gzip', gzipSync(compressed), ...MALFORMED),
    one('an encoding called __proto__', '__proto__', Buffer.from(json), ...MALFORMED),
    one('a plain body over the limit', 'identity', bomb.subarray(0, maxBytes + 1), ...MALFORMED),
  ];
}

/** The good answer, cut at some twenty places, in three ways. */
function cutShort(json: string): HostileReply[] {
  const bytes = Buffer.from(json);
  const step = Math.max(1, Math.floor(bytes.length / 20));
  const replies: HostileReply[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    const head = `${OK}content-length: ${bytes.length}\r\n\r\n`;
    const part = bytes.subarray(0, at);
    replies.push(
      {
        title: `closes after ${at} bytes`,
        behaviour: thenClose(raw(head, part)),
        expected: MALFORMED,
      },
      { title: `is cut to ${at} bytes`, behaviour: reply(200, part), expected: MALFORMED },
      {
        title: `gets other bytes from ${at} on`,
        behaviour: reply(200, Buffer.concat([part, Buffer.alloc(bytes.length - at, 0xff)])),
        expected: MALFORMED,
      },
    );
  }
  return replies;
}

const STATUSES: readonly (readonly [number, ErrorCode])[] = [
  [300, 'provider_error'],
  [302, 'provider_error'],
  [304, 'provider_error'],
  [308, 'provider_error'],
  [400, 'provider_rejected'],
  [401, 'provider_auth_failed'],
  [403, 'provider_auth_failed'],
  [404, 'provider_rejected'],
  [408, 'provider_timeout'],
  [409, 'provider_error'],
  [413, 'payload_too_large'],
  [429, 'provider_throttled'],
  [451, 'provider_rejected'],
  [500, 'provider_error'],
  [502, 'provider_error'],
  [503, 'provider_overloaded'],
  [504, 'provider_timeout'],
  [529, 'provider_overloaded'],
  [600, 'provider_error'],
  [999, 'provider_error'],
];

/** Error bodies that say nothing, so that the status must. */
const MUTE_BODIES = [
  '',
  '{',
  'null',
  '7',
  '[]',
  '{}',
  '{"error":null}',
  '{"error":{}}',
  '<html>',
  '\uFEFF{}',
  '{"error":{"message":{"a":1},"code":{},"type":[]}}',
];

function byStatus(): HostileReply[] {
  const whole = STATUSES.flatMap(([status, code]) =>
    MUTE_BODIES.map((body) => ({
      title: `${status} with ${JSON.stringify(body)}`,
      behaviour: reply(status, status === 304 ? '' : body),
      expected: [code],
    })),
  );
  const cut = STATUSES.filter(([status]) => status !== 304).map(([status, code]) => ({
    title: `${status}, cut short`,
    behaviour: thenClose(raw(`HTTP/1.1 ${status} Any\r\ncontent-length: 900\r\n\r\n{"err`)),
    expected: [code],
  }));
  return [...whole, ...cut];
}

function notAnAnswer(): HostileReply[] {
  const bodies = [
    '',
    ' \n',
    'null',
    'true',
    '0',
    '-1e999',
    '"text"',
    '[]',
    '[{}]',
    '{}',
    '{"choices":[]}',
    '{"choices":{}}',
    '{"content":{}}',
    '{"output":{}}',
    '{"data":{}}',
    '{"__proto__":{"choices":[],"content":[],"data":[]}}',
    'NaN',
    'undefined',
    "{'a':1}",
    '{"a":1,}',
    '{"a":1} {"a":1}',
    'data: {"choices":[]}\n\ndata: [DONE]\n\n',
    '<!doctype html><title>Sign in</title>',
    '<?xml version="1.0"?><Error/>',
    '[[[[[[[['.repeat(20_000),
    `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    `{"a":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_001)}`,
    '\u0000',
    '\uFEFF',
    '\uFEFF\uFEFF{}',
  ];
  return bodies.flatMap((body) =>
    [200, 201, 202, 206].map((status) => ({
      title: `${status} with ${body.slice(0, 40)}`,
      behaviour: reply(status, body),
      expected: MALFORMED,
    })),
  );
}

const WRONG_VALUES = [null, true, -1, 1.5, 1e300, '', 'x', [], [null], [[]], {}, { a: null }];

/** Every top-level field of the good answer, replaced by what it should not be, and left out. */
function wronglyTyped(good: Readonly<Record<string, unknown>>): HostileReply[] {
  return Object.keys(good).flatMap((field) => [
    {
      title: `without ${field}`,
      behaviour: reply(200, JSON.stringify({ ...good, [field]: undefined })),
      expected: [...MALFORMED, ...ANSWERED],
    },
    ...WRONG_VALUES.map((value) => ({
      title: `${field} = ${JSON.stringify(value)}`,
      behaviour: reply(200, JSON.stringify({ ...good, [field]: value })),
      expected: [...MALFORMED, ...ANSWERED],
    })),
  ]);
}

function oddButGood(good: Readonly<Record<string, unknown>>, json: string): HostileReply[] {
  const bodies: [string, string | Buffer][] = [
    ['a byte order mark', `\uFEFF${json}`],
    ['line breaks', JSON.stringify(good, null, 2).replaceAll('\n', '\r\n')],
    ['space around', `\n\n ${json}\t\r\n`],
    ['ten megabytes', JSON.stringify({ ...good, padding: 'x'.repeat(10_000_000) })],
    ['fields from the future', JSON.stringify({ ...good, new: { deeply: [{ nested: 1 }] } })],
    [
      'ill-formed UTF-8',
      Buffer.concat([
        Buffer.from(`{"x":"`),
        Buffer.of(0xff, 0xc0, 0x80),
        Buffer.from(`",${json.slice(1)}`),
      ]),
    ],
    ['a lone surrogate', `{"x":"\\ud800",${json.slice(1)}`],
    ['other line separators', `{"x":"a\u2028b\u2029c",${json.slice(1)}`],
    ['duplicate fields', `{"id":1,${json.slice(1)}`],
    ['the wrong content type', json],
  ];
  return bodies.map(([title, body]) => ({
    title,
    behaviour: reply(
      200,
      body,
      title.startsWith('the wrong') ? { 'content-type': 'text/html' } : {},
    ),
    expected: ANSWERED,
  }));
}
