import { describe, expect, it } from 'vitest';
import { isCheaperLive, sharedShare } from '../../../../shared/domain/caching/cheaper-live.ts';
import { modelPrice, ratesFor } from '../../../../shared/domain/cost/pricing.ts';

const ROWS = 1_000;
const OPENING = 10_000;
const group = (answer: number) => ({
  rows: ROWS,
  tokens: OPENING,
  inputTokens: ROWS * (OPENING + 100),
  outputTokens: ROWS * answer,
});

function rates(cachedInput: number) {
  const price = modelPrice({ input: 250_000, output: 2_000_000, cachedInput, nativePerMille: 500 });
  return { live: ratesFor(price, 'live', 0), native: ratesFor(price, 'native', 0) };
}

describe('calls', () => {
  it('are cheaper than a batch where the opening is long and the cache a tenth of the price', () => {
    expect(isCheaperLive(group(200), rates(25_000), null)).toBe(true);
  });

  it('are not where the cache is half the price, or the answers are long', () => {
    expect(isCheaperLive(group(200), rates(125_000), null)).toBe(false);
    expect(isCheaperLive(group(2_000), rates(25_000), null)).toBe(false);
  });

  it('are not where the batch reads the opening from the cache too', () => {
    const primed = (ROWS * OPENING * 12_500 * 1.2) / 1_000_000;
    expect(isCheaperLive(group(200), rates(25_000), primed)).toBe(false);
  });

  it('are not where no provider keeps so short an opening', () => {
    const short = { ...group(1), tokens: 1_000 };
    expect(isCheaperLive(short, rates(25_000), null)).toBe(false);
  });
});

describe('sharedShare', () => {
  const body = (system: string, user: string) => ({
    model: 'm',
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
  });

  it('is what all of them begin with', () => {
    const long = 'The same for all of them. '.repeat(400);
    expect(sharedShare([body(long, 'one'), body(long, 'other')])).toBeGreaterThan(0.98);
    expect(sharedShare([body(`1${long}`, 'one'), body(`2${long}`, 'other')])).toBeLessThan(0.01);
    expect(sharedShare([body(long, 'alone')])).toBe(0);
  });
});
