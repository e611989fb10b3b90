/** What is known of a model before it is called, and how its name is recognised. */

import type { ModelPrice } from './pricing.ts';

/** Vocabularies that can be counted exactly. */
export type TokenEncoding = 'o200k_base' | 'cl100k_base';

/** How a model's tokens are counted: exactly, or as a stated share of another vocabulary. */
export interface TokenCounting {
  readonly encoding: TokenEncoding;
  /** Tokens of the model per thousand of the encoding; 1000 where the encoding is its own. */
  readonly perMille: number;
  readonly isExact: boolean;
}

/** What the catalog says of one model. Absent means not known, never zero or unlimited. */
export interface ModelSpec {
  readonly name: string;
  readonly counting: TokenCounting;
  /** Prompt and answer together, or prompt alone where the provider counts so. Unit: tokens. */
  readonly contextWindow?: number;
  /** Whether the answer also has to fit into `contextWindow`. */
  readonly isWindowShared: boolean;
  /** Most the model can answer. Unit: tokens. */
  readonly maxOutputTokens?: number;
  readonly price?: ModelPrice;
  /** Day the price was read, e.g. `2026-11-20`. */
  readonly priceAsOf?: string;
}
