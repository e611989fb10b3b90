import { describe, expect, test } from 'vitest';
import type { Call, Segment } from '../../../simulator/call.ts';
import { PromptCache } from '../../../simulator/prompt-cache.ts';
import { fakeCall } from './fake-call.ts';

const CHARS_PER_TOKEN = 4;
const TTL_MS = 300_000;
const prefix = 'All work and no play makes a dull pipe. '.repeat(120);

function callOf(segments: readonly Segment[], caching: Call['caching']): Call {
  const chars = segments.reduce((sum, { text }) => sum + text.length, 0);
  return fakeCall({ segments, promptTokens: Math.ceil(chars / CHARS_PER_TOKEN), caching });
}

const newCache = () =>
  new PromptCache({ enabled: true, minTokens: 1_024, ttlMs: TTL_MS }, CHARS_PER_TOKEN);

describe('automatic caching', () => {
  const ask = (question: string, system = prefix) =>
    callOf(
      [
        { role: 'system', text: system },
        { role: 'user', text: question },
      ],
      'automatic',
    );

  test('a prefix is warm from the end of the first prefill, in steps of 128 tokens, for the TTL', () => {
    const cache = newCache();
    const { carried, usage } = cache.read(ask('first'), 0);
    expect(usage.cachedTokens).toBe(0);
    cache.carry(carried, 0, 400);
    const cachedAt = (ms: number) => cache.read(ask('second'), ms).usage.cachedTokens;
    // 4800 characters are 1200 tokens: 1024 + 128 fit, another 128 do not.
    expect([399, 400, 400 + TTL_MS - 1, 400 + TTL_MS].map(cachedAt)).toEqual([0, 1_152, 1_152, 0]);
  });

  test('a use keeps the prefix warm', () => {
    const cache = newCache();
    cache.carry(cache.read(ask('first'), 0).carried, 0, 0);
    cache.carry(cache.read(ask('second'), 200_000).carried, 200_000, 200_000);
    expect(cache.read(ask('third'), 450_000).usage.cachedTokens).toBe(1_152);
  });

  test('only an equal prefix counts, and a short one never', () => {
    const cache = newCache();
    cache.carry(cache.read(ask('first'), 0).carried, 0, 0);
    expect(cache.read(ask('first', `x${prefix}`), 1).usage.cachedTokens).toBe(0);
    const short = prefix.slice(0, 4_000);
    cache.carry(cache.read(ask('a', short), 0).carried, 0, 0);
    expect(cache.read(ask('a', short), 1).usage.cachedTokens).toBe(0);
  });

  test('where one message ends and the next begins makes no prefix of another', () => {
    const cache = newCache();
    const long = 'b'.repeat(2_000);
    cache.carry(cache.read(ask(long), 0).carried, 0, 0);
    expect(cache.read(ask(long), 1).usage.cachedTokens).toBe(1_664);
    expect(cache.read(ask('b'.repeat(1_000)), 1).usage.cachedTokens).toBe(1_408);
    expect(cache.read(ask(`c${long}`), 1).usage.cachedTokens).toBe(1_152);
  });
});

describe('caching at breakpoints', () => {
  const ask = (question: string, ttlMs: number | undefined = TTL_MS) =>
    callOf(
      [
        { role: 'system', text: prefix, cacheTtlMs: ttlMs },
        { role: 'user', text: question },
      ],
      'breakpoints',
    );

  test('the first request writes the prefix, the next one reads it', () => {
    const cache = newCache();
    const first = cache.read(ask('first'), 0);
    expect(first.usage).toMatchObject({ cachedTokens: 0, cacheWrite5mTokens: 1_200 });
    cache.carry(first.carried, 0, 400);
    expect(cache.read(ask('cold'), 399).usage).toMatchObject({ cacheWrite5mTokens: 1_200 });
    expect(cache.read(ask('warm'), 400).usage).toMatchObject({
      cachedTokens: 1_200,
      cacheWrite5mTokens: 0,
    });
  });

  test('an hour costs and lasts as an hour', () => {
    const cache = newCache();
    const first = cache.read(ask('first', 3_600_000), 0);
    expect(first.usage).toMatchObject({ cacheWrite1hTokens: 1_200, cacheWrite5mTokens: 0 });
    cache.carry(first.carried, 0, 0);
    expect(cache.read(ask('later', 3_600_000), 3_599_999).usage.cachedTokens).toBe(1_200);
  });

  test('a read keeps the prefix warm', () => {
    const cache = newCache();
    cache.carry(cache.read(ask('first'), 0).carried, 0, 0);
    cache.carry(cache.read(ask('second'), 200_000).carried, 200_000, 200_000);
    expect(cache.read(ask('third'), 450_000).usage.cachedTokens).toBe(1_200);
  });

  test('without a breakpoint nothing is cached', () => {
    const cache = newCache();
    const plain = callOf([{ role: 'user', text: prefix }], 'breakpoints');
    cache.carry(cache.read(plain, 0).carried, 0, 0);
    expect(cache.read(plain, 1).usage).toMatchObject({ cachedTokens: 0, cacheWrite5mTokens: 0 });
  });

  test('a later breakpoint writes only what comes after the part that was read', () => {
    const cache = newCache();
    cache.carry(cache.read(ask('first'), 0).carried, 0, 0);
    const turn = callOf(
      [
        { role: 'system', text: prefix, cacheTtlMs: TTL_MS },
        { role: 'user', text: 'q'.repeat(400), cacheTtlMs: TTL_MS },
      ],
      'breakpoints',
    );
    expect(cache.read(turn, 1).usage).toMatchObject({
      cachedTokens: 1_200,
      cacheWrite5mTokens: 100,
    });
  });
});
