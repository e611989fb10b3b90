/**
 * Whether to run one row of a batch ahead, so that all others read the opening they share from the
 * provider's cache. The rows of a batch run side by side: with nothing cached each of them pays for
 * writing the opening, or for reading it in full. Arithmetic only; prices are per million tokens.
 */

import type { TokenRates } from '../cost/pricing.ts';

/** A group of rows of one job that begin alike. */
export interface OpeningGroup {
  readonly rows: number;
  /** Tokens that all of them begin with. */
  readonly tokens: number;
}

/** How the provider's cache works where it has to be told what to keep. */
export interface CacheRules {
  /** Shorter openings are not kept. Unit: tokens. */
  readonly leastTokens: number;
  /** Share of rows that are expected to find it, once it was written an hour ago at most. */
  readonly hitShare: number;
}

/** A stub batch ahead made every row hit, where it was measured; batches promise nothing. */
const ANTHROPIC_HIT_SHARE = 0.9;
/** What is not named, new models among them, keeps nothing shorter than the longest of these. Unit: tokens. */
const ANTHROPIC_LEAST_TOKENS: readonly (readonly [model: RegExp, tokens: number])[] = [
  [/sonnet-4-5|sonnet-4(-\d{8})?$|3-[57]-sonnet|opus-4(-1)?(-\d{8})?$/, 1_024],
  [/sonnet-4-6|3(-5)?-haiku/, 2_048],
];
const ANTHROPIC_SURE_TOKENS = 4_096;

/** How Anthropic's cache works for a model, by the name it has there. */
export function anthropicCache(model: string): CacheRules {
  const known = ANTHROPIC_LEAST_TOKENS.find(([names]) => names.test(model));
  return { leastTokens: known?.[1] ?? ANTHROPIC_SURE_TOKENS, hitShare: ANTHROPIC_HIT_SHARE };
}

/** Ways to send an opening. */
export interface PrimingDecision {
  /** `prime`: one row ahead with a cache of an hour. `plain`: no mark, every row in full. */
  readonly kind: 'prime' | 'plain';
  /** Of the openings alone, each as it would be sent. Unit: micro-dollars, rounded. */
  readonly plainMicroUsd: number;
  readonly primedMicroUsd: number;
  /** Never below zero. Unit: micro-dollars. */
  readonly savedMicroUsd: number;
}

const TOKENS_PER_RATE = 1_000_000;

/** Less is not worth a second job and the wait for it. Unit: micro-dollars. */
const LEAST_SAVING_MICRO_USD = 10_000;

/**
 * Decides for one opening. Primed, the first row writes it for an hour; of the others most read
 * it, and those that come too early for it write it themselves, at the price of an hour too.
 */
export function decidePriming(
  { rows, tokens }: OpeningGroup,
  rates: TokenRates,
  { leastTokens, hitShare }: CacheRules,
): PrimingDecision {
  const cost = (count: number, rate: number): number => (count * tokens * rate) / TOKENS_PER_RATE;
  const plainMicroUsd = Math.round(cost(rows, rates.input));
  const others = Math.max(0, rows - 1);
  const primedMicroUsd = Math.round(
    cost(1 + others * (1 - hitShare), rates.cacheWrite1h) +
      cost(others * hitShare, rates.cachedInput),
  );
  const saved = plainMicroUsd - primedMicroUsd;
  const pays = tokens >= leastTokens && rows > 1 && saved >= LEAST_SAVING_MICRO_USD;
  return {
    kind: pays ? 'prime' : 'plain',
    plainMicroUsd,
    primedMicroUsd,
    savedMicroUsd: pays ? saved : 0,
  };
}

/** Tokens of one answered row, as far as its opening is concerned. */
export interface CachedUsage {
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  readonly cacheWrite1hTokens: number;
}

/**
 * What caching did save in a job that has ended: read tokens at the full price less what they cost,
 * less what writing cost beyond it. Negative where it did not pay. Unit: micro-dollars.
 */
export function savedByCache(rows: Iterable<CachedUsage>, rates: TokenRates): number {
  let saved = 0;
  for (const row of rows) {
    saved += row.cachedInputTokens * (rates.input - rates.cachedInput);
    saved -= row.cacheWriteTokens * (rates.cacheWrite5m - rates.input);
    saved -= row.cacheWrite1hTokens * (rates.cacheWrite1h - rates.input);
  }
  return Math.round(saved / TOKENS_PER_RATE);
}
