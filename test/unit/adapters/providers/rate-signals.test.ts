import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRateSignals } from '../../../../shared/adapters/providers/rate-signals.ts';

const NOW_MS = Date.parse('2026-11-20T10:00:00Z');
const read = (headers: Record<string, string>, statusCode = 200) =>
  readRateSignals(headers, statusCode, NOW_MS);

const openAi = (kind: string, limit: string, remaining: string, reset: string) => ({
  [`x-ratelimit-limit-${kind}`]: limit,
  [`x-ratelimit-remaining-${kind}`]: remaining,
  [`x-ratelimit-reset-${kind}`]: reset,
});
const anthropic = (kind: string, limit: string, remaining: string, reset: string) => ({
  [`anthropic-ratelimit-${kind}-limit`]: limit,
  [`anthropic-ratelimit-${kind}-remaining`]: remaining,
  [`anthropic-ratelimit-${kind}-reset`]: reset,
});

describe('windows', () => {
  it('reads OpenAI limits: requests, and tokens in total', () => {
    const headers = {
      ...openAi('requests', '30000', '29999', '2ms'),
      ...openAi('tokens', '200000', '199983', '4ms'),
    };
    expect(read(headers).windows).toEqual({
      requests: { limit: 30_000, remaining: 29_999, resetMs: 2 },
      totalTokens: { limit: 200_000, remaining: 199_983, resetMs: 4 },
    });
  });

  it.each([
    ['0s', 0],
    ['4ms', 4],
    ['1s', 1_000],
    ['39.801s', 39_801],
    ['0m59.5s', 59_500],
    ['250us', 0.25],
    ['12', 12_000],
    ['2026-11-20T10:00:05Z', 5_000],
    ['2026-11-20T09:59:00Z', 0],
    [String(NOW_MS / 1_000 + 30), 30_000],
  ])('reads a reset of %s', (text, resetMs) => {
    const { windows } = read(openAi('tokens', '1000', '100', text));
    expect(windows.totalTokens).toEqual({ limit: 1_000, remaining: 100, resetMs });
  });

  it.each(['', '-1s', 'soon', 'NaN', '1e3s', '5 s', 's', '1m-4s'])(
    'ignores a reset of "%s"',
    (text) => {
      const { windows } = read(openAi('tokens', '1000', '100', text));
      expect(windows.totalTokens).toEqual({ limit: 1_000, remaining: 100 });
    },
  );

  it('ignores a window filled with placeholders, as Azure sends them', () => {
    for (const limit of ['0', '-1', 'NaN', '', '1e99', '9999999999999999']) {
      expect(read(openAi('tokens', limit, '0', '0')).windows).toEqual({});
    }
    expect(read(openAi('tokens', '100', '-1', '0')).windows.totalTokens).toEqual({
      limit: 100,
      resetMs: 0,
    });
  });

  it('believes the project limit only where it is the tighter one', () => {
    const own = openAi('tokens', '1000', '900', '6s');
    const tighter = { ...own, ...openAi('project-tokens', '500', '400', '12s') };
    const wider = { ...own, ...openAi('project-tokens', '5000', '10', '12s') };
    expect(read(tighter).windows.totalTokens?.limit).toBe(500);
    expect(read(wider).windows.totalTokens?.limit).toBe(1_000);
  });

  it('reads Anthropic limits, by direction, and not their sum', () => {
    const headers = {
      ...anthropic('requests', '4000', '3999', '2026-11-20T10:00:01Z'),
      ...anthropic('tokens', '480000', '480000', '2026-11-20T10:00:00Z'),
      ...anthropic('input-tokens', '400000', '399000', '2026-11-20T10:00:01Z'),
      ...anthropic('output-tokens', '80000', '80000', '2026-11-20T10:00:00Z'),
    };
    expect(read(headers).windows).toEqual({
      requests: { limit: 4_000, remaining: 3_999, resetMs: 1_000 },
      inputTokens: { limit: 400_000, remaining: 399_000, resetMs: 1_000 },
      outputTokens: { limit: 80_000, remaining: 80_000, resetMs: 0 },
    });
  });

  it('measures instants by the clock of the server where ours differs', () => {
    const reset = anthropic('requests', '60', '50', '2026-11-20T12:00:10Z');
    const skewed = { ...reset, date: 'Fri, 20 Nov 2026 12:00:00 GMT' };
    expect(read(skewed).windows.requests?.resetMs).toBe(10_000);
  });
});

describe('daily limits', () => {
  // Recorded answers of an account with 10,000 requests per day.
  it.each([
    ['9999', '8.64s'],
    ['9998', '14.6s'],
    ['9997', '22.3s'],
    ['9992', '1m4.296s'],
  ])('is not read as per minute: %s left, full in %s', (remaining, reset) => {
    expect(read(openAi('requests', '10000', remaining, reset)).windows).toEqual({});
  });

  it('tells only that nothing is left', () => {
    const { windows } = read(openAi('requests', '10000', '0', '24h0m0s'));
    expect(windows).toEqual({ requests: { remaining: 0 } });
  });

  it.each([
    ['30000', '29999', '2ms'],
    ['30000', '29993', '13ms'],
    ['200000', '199806', '57ms'],
    ['500', '0', '1m0s'],
    ['6000', '5999', '1'],
  ])('leaves limits per minute alone: %s, %s left, full in %s', (limit, remaining, reset) => {
    expect(read(openAi('requests', limit, remaining, reset)).windows.requests?.limit).toBe(
      Number(limit),
    );
  });

  it('agrees with how continuous refill shows in headers', () => {
    const arbitrary = fc.record({
      limit: fc.integer({ min: 60, max: 100_000 }),
      share: fc.double({ min: 0, max: 0.999, noNaN: true }),
      windowMs: fc.constantFrom(60_000, 86_400_000),
    });
    fc.assert(
      fc.property(arbitrary, ({ limit, share, windowMs }) => {
        const level = (limit - 1) * share;
        const reset = `${Math.floor(((limit - level) / limit) * windowMs)}ms`;
        const headers = openAi('requests', String(limit), String(Math.floor(level)), reset);
        const { requests } = read(headers).windows;
        expect(requests?.limit).toBe(windowMs === 60_000 ? limit : undefined);
      }),
    );
  });
});

describe('the wait asked for', () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': '0.4' }, 400],
    [{ 'retry-after': '7', 'retry-after-ms': '250' }, 250],
    [{ 'retry-after': '7', 'retry-after-ms': 'NaN' }, 7_000],
    [{ 'retry-after': '86400' }, 3_600_000],
    [{ 'retry-after': 'Fri, 20 Nov 2026 10:00:30 GMT' }, 30_000],
    [
      { 'retry-after': 'Fri, 20 Nov 2026 12:00:30 GMT', date: 'Fri, 20 Nov 2026 12:00:00 GMT' },
      30_000,
    ],
    [{ 'retry-after': 'Fri, 20 Nov 2020 10:00:00 GMT' }, undefined],
    [{ 'retry-after': '0' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': 'NaN' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ])('of %o is %s ms', (headers, expected) => {
    expect(read(headers, 429).retryAfterMs).toBe(expected);
  });

  it('is none after a success', () => {
    expect(read({ 'retry-after': '10' }, 200)).toEqual({ windows: {} });
  });
});

it('takes any header for what it is, and never throws', () => {
  const names = [
    ...Object.keys({ ...openAi('requests', '', '', ''), ...openAi('project-tokens', '', '', '') }),
    ...Object.keys(anthropic('input-tokens', '', '', '')),
    'retry-after',
    'retry-after-ms',
    'date',
  ];
  const value = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.constantFrom('-1', '0', '1e9', '99999999999', '1h', 'Infinity', '1m1m1m'),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value), (headers) => {
      const { windows, retryAfterMs } = readRateSignals(headers, 429, NOW_MS);
      const numbers = Object.values(windows).flatMap((window) => Object.values(window));
      for (const number of [...numbers, retryAfterMs ?? 0]) {
        expect(number).toBeGreaterThanOrEqual(0);
        expect(number).toBeLessThanOrEqual(1e20);
      }
    }),
    { numRuns: 2_000 },
  );
});
