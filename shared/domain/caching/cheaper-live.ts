/**
 * Whether requests that begin alike cost less by calls than in a native batch: one call after the
 * other reads the opening from the provider's cache, for a tenth of its price at some models; the
 * rows of a batch run side by side, for half of it. Arithmetic only; prices are per million tokens.
 */

import type { TokenRates } from '../cost/pricing.ts';
import type { OpeningGroup } from './cache-priming.ts';

/** Requests of one opening, and what all of them together hold. Unit: tokens. */
export interface CallGroup extends OpeningGroup {
  readonly inputTokens: number;
  /** As long as the answers may be. */
  readonly outputTokens: number;
}

/** Of calls that follow the first so many find the opening, where they leave one by one. */
const HIT_SHARE = 0.8;
/** No provider keeps shorter openings. Unit: tokens. */
const LEAST_TOKENS = 1_024;
/** The cache is no promise and half the price is: calls have to be clearly cheaper. */
const CLEARLY = 0.9;

/**
 * @param primedMicroUsd What the openings cost in a batch with a row run ahead; `null` where none is.
 */
export function isCheaperLive(
  { rows, tokens, inputTokens, outputTokens }: CallGroup,
  { live, native }: { readonly live: TokenRates; readonly native: TokenRates },
  primedMicroUsd: number | null,
): boolean {
  if (tokens < LEAST_TOKENS || rows < 2) return false;
  const openings = rows * tokens;
  const rest = Math.max(0, inputTokens - openings);
  const read = (rows - 1) * HIT_SHARE * tokens;
  const calls =
    (openings - read) * Math.max(live.input, live.cacheWrite5m) +
    read * live.cachedInput +
    rest * live.input +
    outputTokens * live.output;
  const inBatch =
    (primedMicroUsd === null ? openings * native.input : primedMicroUsd * TOKENS_PER_RATE) +
    rest * native.input +
    outputTokens * native.output;
  return calls < CLEARLY * inBatch;
}

const TOKENS_PER_RATE = 1_000_000;

/** The fields a provider puts before the model, in their order, as one text. */
function openingText(body: Readonly<Record<string, unknown>>): string {
  const { tools, instructions, system, messages, input } = body;
  return JSON.stringify([tools, instructions, system, messages ?? input]);
}

/** How much of the first of these bodies all others begin with. A share, 0 to 1. */
export function sharedShare(bodies: readonly Readonly<Record<string, unknown>>[]): number {
  const [first = '', ...others] = bodies.map(openingText);
  let length = first.length;
  for (const other of others) {
    let at = 0;
    while (at < length && other.charCodeAt(at) === first.charCodeAt(at)) at += 1;
    length = at;
  }
  return others.length === 0 ? 0 : length / Math.max(1, first.length);
}
