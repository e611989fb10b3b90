/**
 * What an answer costs. Money is integer micro-dollars and rates are integer micro-dollars per
 * million tokens (0.15 USD per million = 150 000), so sums are exact and never drift.
 */

import type { Lane } from '../lanes/lane.ts';
import { promptTokens, type TokenUsage } from './usage.ts';

/** What each kind of token costs. Unit of all: micro-dollars per million tokens. Integer, 0 to `MAX_RATE`. */
export interface TokenRates {
  readonly input: number;
  readonly output: number;
  /** Prompt tokens read from the provider's cache. */
  readonly cachedInput: number;
  /** Prompt tokens written to a cache that lives five minutes. */
  readonly cacheWrite5m: number;
  /** Prompt tokens written to a cache that lives an hour. */
  readonly cacheWrite1h: number;
}

/** The rates of every lane. An absent lane is billed at `live`: no discount is assumed. */
export interface LaneRates {
  readonly live: TokenRates;
  readonly flex?: TokenRates;
  readonly native?: TokenRates;
}

/** What a model costs in each lane. */
export interface ModelPrice extends LaneRates {
  /** Other rates for the whole answer when its prompt holds more than `aboveInputTokens`. */
  readonly longContext?: { readonly aboveInputTokens: number; readonly rates: LaneRates };
}

/** A price as a person writes it: list rates, and what share of them the cheaper lanes cost. */
export interface PriceSketch {
  /** Unit of all rates: micro-dollars per million tokens. */
  readonly input: number;
  readonly output: number;
  /** @default `input` */
  readonly cachedInput?: number;
  /** @default `input` */
  readonly cacheWrite5m?: number;
  /** @default `cacheWrite5m` */
  readonly cacheWrite1h?: number;
  /** Share of every rate that the lane costs, e.g. 500 for half. @default 1000 */
  readonly flexPerMille?: number;
  readonly nativePerMille?: number;
}

const TOKENS_PER_RATE = 1_000_000;

/**
 * Highest rate whose arithmetic stays exact: five remainders of below a million tokens each must
 * sum below 2^53. Two and a half times the dearest model known. Unit: as rates.
 */
export const MAX_RATE = 1_500_000_000;

/** A full price from list rates and lane shares. */
export function modelPrice(sketch: PriceSketch): ModelPrice {
  const cacheWrite5m = sketch.cacheWrite5m ?? sketch.input;
  const live: TokenRates = {
    input: sketch.input,
    output: sketch.output,
    cachedInput: sketch.cachedInput ?? sketch.input,
    cacheWrite5m,
    cacheWrite1h: sketch.cacheWrite1h ?? cacheWrite5m,
  };
  return {
    live,
    ...(sketch.flexPerMille === undefined ? {} : { flex: share(live, sketch.flexPerMille) }),
    ...(sketch.nativePerMille === undefined ? {} : { native: share(live, sketch.nativePerMille) }),
  };
}

/** The rates billed for a prompt of that size in that lane. */
export function ratesFor(price: ModelPrice, lane: Lane, inputTokens: number): TokenRates {
  const long = price.longContext;
  const rates = long !== undefined && inputTokens > long.aboveInputTokens ? long.rates : price;
  return rates[lane] ?? rates.live;
}

/**
 * The cost of an answer, rounded half up once at the end. Exact for any usage whose cost is a
 * safe integer (nine thousand million dollars). Unit: micro-dollars.
 */
export function costMicroUsd(price: ModelPrice, usage: TokenUsage, lane: Lane): number {
  const rates = ratesFor(price, lane, promptTokens(usage));
  const parts: readonly (readonly [tokens: number, rate: number])[] = [
    [usage.inputTokens, rates.input],
    [usage.cachedInputTokens, rates.cachedInput],
    [usage.cacheWriteTokens, rates.cacheWrite5m],
    [usage.cacheWrite1hTokens, rates.cacheWrite1h],
    [usage.outputTokens, rates.output],
  ];
  // Whole millions apart from the rest: a product of a big count and a rate would pass 2^53.
  let whole = 0;
  let rest = 0;
  for (const [tokens, rate] of parts) {
    const millions = Math.floor(tokens / TOKENS_PER_RATE);
    whole += millions * rate;
    rest += (tokens - millions * TOKENS_PER_RATE) * rate;
  }
  return whole + Math.floor((rest + TOKENS_PER_RATE / 2) / TOKENS_PER_RATE);
}

/**
 * The cost a plan shows before anything is spent: nothing cached, and `outputTokens` as the
 * caller expects them. With `maxOutputTokens` it is the most a request can cost without cache
 * writes. Unit: micro-dollars.
 */
export function estimateCostMicroUsd(
  price: ModelPrice,
  tokens: { readonly inputTokens: number; readonly outputTokens: number },
  lane: Lane,
): number {
  return costMicroUsd(
    price,
    { ...tokens, cachedInputTokens: 0, cacheWriteTokens: 0, cacheWrite1hTokens: 0 },
    lane,
  );
}

/** A quick estimate of a prompt may be short by this factor. */
const PROMPT_DOUBT = 1.3;

/**
 * The most an answer can be expected to cost: its prompt underestimated and written to a cache,
 * the answer as long as it may be, in the dearest lane. Unit: micro-dollars.
 */
export function costBoundMicroUsd(
  price: ModelPrice,
  tokens: { readonly inputTokens: number; readonly maxOutputTokens: number },
): number {
  const promptTokens = Math.ceil(tokens.inputTokens * PROMPT_DOUBT);
  const { input, cacheWrite5m } = ratesFor(price, 'live', promptTokens);
  const isWrittenDearer = cacheWrite5m > input;
  const usage: TokenUsage = {
    inputTokens: isWrittenDearer ? 0 : promptTokens,
    cachedInputTokens: 0,
    cacheWriteTokens: isWrittenDearer ? promptTokens : 0,
    cacheWrite1hTokens: 0,
    outputTokens: tokens.maxOutputTokens,
  };
  return costMicroUsd(price, usage, 'live');
}

function share(rates: TokenRates, perMille: number): TokenRates {
  const scale = (rate: number): number => Math.round((rate * perMille) / 1000);
  return {
    input: scale(rates.input),
    output: scale(rates.output),
    cachedInput: scale(rates.cachedInput),
    cacheWrite5m: scale(rates.cacheWrite5m),
    cacheWrite1h: scale(rates.cacheWrite1h),
  };
}
