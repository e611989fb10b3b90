import { describe, expect, test } from 'vitest';
import type { View } from '../../../../simulator/call.ts';
import { formatGoDuration, openAi } from '../../../../simulator/openai/dialect.ts';
import { checkOptions, resolveOptions } from '../../../../simulator/options.ts';
import { fakeCall } from '../fake-call.ts';

test.each([
  [0, '0s'],
  [0.9, '0s'],
  [4, '4ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [8_640, '8.64s'],
  [39_801, '39.801s'],
  [64_296, '1m4.296s'],
  [360_000, '6m0s'],
  [86_400_000, '24h0m0s'],
])('%d ms is written %s', (ms, text) => {
  expect(formatGoDuration(ms)).toBe(text);
});

describe('the charge at admission', () => {
  const charged = (charge: 'max' | 'sum' | 'prompt', maxOutputTokens: number | undefined) => {
    const { anyModel } = resolveOptions(checkOptions({ limits: { charge } }));
    return openAi.charge(fakeCall({ estimateTokens: 100, maxOutputTokens }), anyModel, 50)
      .totalTokens;
  };

  test('is the larger of max_tokens and the estimate, cached or not, unless another rule is set', () => {
    expect([charged('max', 30), charged('max', 300), charged('max', undefined)]).toEqual([
      100, 300, 100,
    ]);
    expect([charged('sum', 30), charged('sum', undefined)]).toEqual([130, 100]);
    expect(charged('prompt', 300)).toBe(100);
  });
});

test('a daily request limit takes the place of the one per minute', () => {
  const view: View = (dimension) =>
    ({
      requests: { limit: 500, remaining: 499, resetMs: 120 },
      requestsPerDay: { limit: 10_000, remaining: 9_999, resetMs: 8_640 },
      totalTokens: { limit: 200_000, remaining: 199_983, resetMs: 5 },
      inputTokens: undefined,
      outputTokens: undefined,
    })[dimension];
  const pairs = [
    ['x-ratelimit-limit-requests', '10000'],
    ['x-ratelimit-remaining-requests', '9999'],
    ['x-ratelimit-reset-requests', '8.64s'],
    ['x-ratelimit-limit-tokens', '200000'],
    ['x-ratelimit-remaining-tokens', '199983'],
    ['x-ratelimit-reset-tokens', '5ms'],
  ];
  expect(openAi.rateHeaders(view, 0)).toEqual(pairs.flat());
});
