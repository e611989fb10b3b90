import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  costMicroUsd,
  estimateCostMicroUsd,
  MAX_RATE,
  modelPrice,
} from '../../../../shared/domain/cost/pricing.ts';
import {
  addUsage,
  NO_USAGE,
  promptTokens,
  type TokenUsage,
} from '../../../../shared/domain/cost/usage.ts';
import { LANES } from '../../../../shared/domain/lanes/lane.ts';

const MINI = modelPrice({
  input: 150_000,
  output: 600_000,
  cachedInput: 75_000,
  nativePerMille: 500,
});

function usage(parts: Partial<TokenUsage>): TokenUsage {
  return { ...NO_USAGE, ...parts };
}

const tokens = fc.integer({ min: 0, max: 1_000_000_000 });
const rate = fc.integer({ min: 0, max: MAX_RATE });
const anyUsage = fc.record({
  inputTokens: tokens,
  cachedInputTokens: tokens,
  cacheWriteTokens: tokens,
  cacheWrite1hTokens: tokens,
  outputTokens: tokens,
});
const anyPrice = fc
  .record({
    input: rate,
    output: rate,
    cachedInput: rate,
    cacheWrite5m: rate,
    cacheWrite1h: rate,
    flexPerMille: fc.integer({ min: 1, max: 1000 }),
    nativePerMille: fc.integer({ min: 1, max: 1000 }),
  })
  .map(modelPrice);
const anyLane = fc.constantFrom(...LANES);

describe('costMicroUsd', () => {
  it('bills each kind of token at its own rate', () => {
    const price = modelPrice({
      input: 3_000_000,
      output: 15_000_000,
      cachedInput: 300_000,
      cacheWrite5m: 3_750_000,
      cacheWrite1h: 6_000_000,
    });
    const spent = usage({
      inputTokens: 1000,
      cachedInputTokens: 1000,
      cacheWriteTokens: 1000,
      cacheWrite1hTokens: 1000,
      outputTokens: 1000,
    });
    expect(costMicroUsd(price, spent, 'live')).toBe(3000 + 300 + 3750 + 6000 + 15_000);
  });

  it('rounds half up, once, after adding', () => {
    // 10 x 0.15 = 1.5 micro-dollars; two parts of 0.75 each make 1.5 too.
    expect(costMicroUsd(MINI, usage({ inputTokens: 10 }), 'live')).toBe(2);
    expect(costMicroUsd(MINI, usage({ inputTokens: 5, cachedInputTokens: 10 }), 'live')).toBe(2);
    expect(costMicroUsd(MINI, usage({ inputTokens: 3 }), 'live')).toBe(0);
  });

  it('bills a lane without a price of its own at list price', () => {
    const spent = usage({ inputTokens: 1_000_000 });
    expect(costMicroUsd(MINI, spent, 'native')).toBe(75_000);
    expect(costMicroUsd(MINI, spent, 'flex')).toBe(150_000);
  });

  it('bills the whole answer at long-context rates once the prompt is longer, cached or not', () => {
    const long = modelPrice({ input: 2_000_000, output: 20_000_000 });
    const price = { ...MINI, longContext: { aboveInputTokens: 200, rates: long } };
    const atBound = usage({ inputTokens: 100, cachedInputTokens: 100, outputTokens: 1000 });
    expect(costMicroUsd(price, atBound, 'live')).toBe(costMicroUsd(MINI, atBound, 'live'));
    const above = usage({ ...atBound, cachedInputTokens: 101 });
    expect(costMicroUsd(price, above, 'live')).toBe(20_402);
  });

  it('is exact for any usage: the same as arithmetic without bounds', () => {
    fc.assert(
      fc.property(anyPrice, anyUsage, anyLane, (price, spent, lane) => {
        const rates = price[lane] ?? price.live;
        const parts = [
          [spent.inputTokens, rates.input],
          [spent.cachedInputTokens, rates.cachedInput],
          [spent.cacheWriteTokens, rates.cacheWrite5m],
          [spent.cacheWrite1hTokens, rates.cacheWrite1h],
          [spent.outputTokens, rates.output],
        ] as const;
        const total = parts.reduce((sum, [n, r]) => sum + BigInt(n) * BigInt(r), 0n);
        const expected = (total + 500_000n) / 1_000_000n;
        expect(BigInt(costMicroUsd(price, spent, lane))).toBe(expected);
      }),
    );
  });

  it('never falls when usage grows', () => {
    fc.assert(
      fc.property(anyPrice, anyUsage, anyUsage, anyLane, (price, first, more, lane) => {
        const less = costMicroUsd(price, first, lane);
        expect(costMicroUsd(price, addUsage(first, more), lane)).toBeGreaterThanOrEqual(less);
      }),
    );
  });

  it('is nothing at a price of zero, and nothing for no usage', () => {
    const free = modelPrice({ input: 0, output: 0 });
    fc.assert(
      fc.property(anyUsage, anyPrice, anyLane, (spent, price, lane) => {
        expect(costMicroUsd(free, spent, lane)).toBe(0);
        expect(costMicroUsd(price, NO_USAGE, lane)).toBe(0);
      }),
    );
  });
});

describe('estimateCostMicroUsd', () => {
  it('says what the same tokens cost uncached in that lane', () => {
    const planned = { inputTokens: 1_500_000, outputTokens: 100_000 };
    expect(estimateCostMicroUsd(MINI, planned, 'live')).toBe(225_000 + 60_000);
    expect(estimateCostMicroUsd(MINI, planned, 'native')).toBe(112_500 + 30_000);
  });
});

describe('promptTokens', () => {
  it('counts every prompt token once and no output', () => {
    const spent = {
      inputTokens: 1,
      cachedInputTokens: 20,
      cacheWriteTokens: 300,
      cacheWrite1hTokens: 4000,
      outputTokens: 50_000,
    };
    expect(promptTokens(spent)).toBe(4321);
  });
});
