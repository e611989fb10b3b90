import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../../shared/domain/json/canonical-json.ts';
import { parseCompletionWindow } from '../../../../shared/domain/lanes/completion-window.ts';
import { fingerprint, requestIdFor } from '../../../../shared/domain/requests/idempotency.ts';

const CHAT = '/v1/chat/completions';

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, shuffled(item)]),
  );
}

describe('canonical JSON', () => {
  it('writes equal values equally, whatever their key order', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it('loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // JSON has no negative zero to lose.
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(canonicalJson(plain))).toEqual(plain);
      }),
    );
  });

  it('has one spelling of numbers and characters', () => {
    expect(canonicalJson(JSON.parse('{"b":1e2, "a":"\\u00e9\\/"}'))).toBe('{"a":"é/","b":100}');
  });
});

describe('fingerprint', () => {
  it('ignores spelling and notices every change', () => {
    const one = fingerprint(CHAT, JSON.parse('{"model":"m","temperature":1.0}'));
    expect(fingerprint(CHAT, JSON.parse('{"temperature": 1, "model":"\\u006d"}'))).toBe(one);
    expect(fingerprint(CHAT, { model: 'm', temperature: 2 })).not.toBe(one);
    expect(fingerprint(CHAT, { model: 'm', temperature: '1' })).not.toBe(one);
    expect(fingerprint('/v1/responses', { model: 'm', temperature: 1 })).not.toBe(one);
  });

  it('differs whenever the canonical bodies differ', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (body, key) => {
        const other = { ...body, [key]: [body[key] ?? null] };
        expect(fingerprint(CHAT, other)).not.toBe(fingerprint(CHAT, body));
      }),
    );
  });
});

describe('request id', () => {
  it('depends on tenant and key, and on where one ends and the other begins', () => {
    expect(requestIdFor('t', 'k')).toBe(requestIdFor('t', 'k'));
    expect(requestIdFor('t', 'k')).toMatch(/^req_[\w-]{24}$/);
    expect(requestIdFor('t', 'k')).not.toBe(requestIdFor('u', 'k'));
    expect(requestIdFor('ab', 'c')).not.toBe(requestIdFor('a', 'bc'));
    expect(requestIdFor('a","b', 'c')).not.toBe(requestIdFor('a', 'b","c'));
  });
});

describe('completion window', () => {
  it.each([
    ['1s', 1_000],
    ['30s', 30_000],
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
  ])('%s', (written, windowMs) => {
    expect(parseCompletionWindow(written)).toBe(windowMs);
  });

  it.each([
    '',
    '0s',
    '15',
    'm',
    '1.5h',
    '-1h',
    '31d',
    '721h',
    '15 m',
    '15M',
    '1e3s',
    '9999999999s',
  ])('refuses %j', (written) => {
    expect(parseCompletionWindow(written)).toBeNull();
  });
});
