import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anthropicCache,
  decidePriming,
  savedByCache,
} from '../../../../shared/domain/caching/cache-priming.ts';
import { modelPrice, ratesFor } from '../../../../shared/domain/cost/pricing.ts';

/** Claude Haiku 4.5 in a batch. */
const RATES = ratesFor(
  modelPrice({
    input: 1_000_000,
    output: 5_000_000,
    cachedInput: 100_000,
    cacheWrite5m: 1_250_000,
    cacheWrite1h: 2_000_000,
    nativePerMille: 500,
  }),
  'native',
  2_000,
);

describe('decidePriming', () => {
  it('primes a large batch with a long opening, and says what that saves', () => {
    const decision = decidePriming(
      { rows: 10_000, tokens: 2_000 },
      RATES,
      anthropicCache('claude-sonnet-4-5'),
    );
    expect(decision).toEqual({
      kind: 'prime',
      plainMicroUsd: 10_000_000,
      // The first and a tenth of the others write: 1,000.9 x 2,000 x $1; 8,999.1 read at $0.05.
      primedMicroUsd: 2_901_710,
      savedMicroUsd: 7_098_290,
    });
  });

  it.each([
    ['an opening the provider does not keep', { rows: 10_000, tokens: 1_000 }],
    ['a single row', { rows: 1, tokens: 50_000 }],
    ['a saving of less than a cent', { rows: 10, tokens: 1_500 }],
  ])('leaves %s alone', (_, opening) => {
    expect(decidePriming(opening, RATES, anthropicCache('claude-sonnet-4-5'))).toMatchObject({
      kind: 'plain',
      savedMicroUsd: 0,
    });
  });

  it('does not pay where writing is dear and few rows hit', () => {
    const rules = { leastTokens: 1_024, hitShare: 0.5 };
    expect(decidePriming({ rows: 1_000, tokens: 5_000 }, RATES, rules).kind).toBe('plain');
  });

  it('never primes at a loss, and saves more with more rows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        (rows, tokens) => {
          const one = decidePriming({ rows, tokens }, RATES, anthropicCache('claude-sonnet-4-5'));
          const more = decidePriming(
            { rows: rows * 2, tokens },
            RATES,
            anthropicCache('claude-sonnet-4-5'),
          );
          expect(one.savedMicroUsd).toBeGreaterThanOrEqual(0);
          expect(more.savedMicroUsd).toBeGreaterThanOrEqual(one.savedMicroUsd);
          if (one.kind === 'prime') expect(one.primedMicroUsd).toBeLessThan(one.plainMicroUsd);
        },
      ),
    );
  });
});

describe('savedByCache', () => {
  const row = (cached: number, write1h: number) => ({
    cachedInputTokens: cached,
    cacheWriteTokens: 0,
    cacheWrite1hTokens: write1h,
  });

  it('counts what was read cheaper against what was written dearer', () => {
    // One writes 2,000 at $1 instead of $0.50, three read 2,000 at $0.05.
    expect(savedByCache([row(0, 2_000), row(2_000, 0), row(2_000, 0), row(2_000, 0)], RATES)).toBe(
      3 * 900 - 1_000,
    );
    expect(savedByCache([row(0, 2_000)], RATES)).toBe(-1_000);
    expect(savedByCache([], RATES)).toBe(0);
  });
});

it.each([
  ['claude-sonnet-4-5-20250929', 1_024],
  ['claude-sonnet-4-20250514', 1_024],
  ['claude-opus-4-1-20250805', 1_024],
  ['claude-sonnet-4-6', 2_048],
  ['claude-3-5-haiku-20241022', 2_048],
  ['claude-haiku-4-5', 4_096],
  ['claude-opus-4-5', 4_096],
  ['claude-of-tomorrow', 4_096],
])('takes %s to keep openings of %i tokens and more', (model, tokens) => {
  expect(anthropicCache(model).leastTokens).toBe(tokens);
});
