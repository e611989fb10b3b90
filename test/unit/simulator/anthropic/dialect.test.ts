import { expect, test } from 'vitest';
import { anthropic } from '../../../../simulator/anthropic/dialect.ts';
import type { View } from '../../../../simulator/call.ts';
import { checkOptions, resolveOptions } from '../../../../simulator/options.ts';
import { fakeCall } from '../fake-call.ts';

const usage = {
  promptTokens: 1_300,
  cachedTokens: 1_000,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  outputTokens: 70,
};

test('input is charged at admission without the cached part, output when it is there', () => {
  const { anyModel } = resolveOptions(checkOptions({}));
  const call = fakeCall({ estimateTokens: 1_280, maxOutputTokens: 4_096 });
  const charged = anthropic.charge(call, anyModel, 1_000);
  expect(charged).toMatchObject({ requests: 1, inputTokens: 280, outputTokens: 0 });
  expect(anthropic.settle(call, charged, usage)).toMatchObject({
    requests: 0,
    inputTokens: 20,
    outputTokens: 70,
  });
});

test('token figures are rounded to thousands, resets are instants, tokens is the sum', () => {
  const view: View = (dimension) =>
    ({
      requests: { limit: 50, remaining: 49, resetMs: 1_200 },
      requestsPerDay: undefined,
      totalTokens: undefined,
      inputTokens: { limit: 400_000, remaining: 399_499, resetMs: 75 },
      outputTokens: { limit: 80_000, remaining: 79_500, resetMs: 375 },
    })[dimension];
  const headers = anthropic.rateHeaders(view, Date.UTC(2025, 0, 1));
  const byName = Object.fromEntries(
    headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : [])),
  );
  expect(byName).toEqual({
    'anthropic-ratelimit-requests-limit': '50',
    'anthropic-ratelimit-requests-remaining': '49',
    'anthropic-ratelimit-requests-reset': '2025-01-01T00:00:02Z',
    'anthropic-ratelimit-tokens-limit': '480000',
    'anthropic-ratelimit-tokens-remaining': '479000',
    'anthropic-ratelimit-tokens-reset': '2025-01-01T00:00:01Z',
    'anthropic-ratelimit-input-tokens-limit': '400000',
    'anthropic-ratelimit-input-tokens-remaining': '399000',
    'anthropic-ratelimit-input-tokens-reset': '2025-01-01T00:00:01Z',
    'anthropic-ratelimit-output-tokens-limit': '80000',
    'anthropic-ratelimit-output-tokens-remaining': '80000',
    'anthropic-ratelimit-output-tokens-reset': '2025-01-01T00:00:01Z',
  });
});
