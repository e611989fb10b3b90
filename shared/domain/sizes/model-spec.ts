/** What is known of a model before it is called, and how its name is recognised. */

import type { ModelPrice } from '../cost/pricing.ts';

/** Vocabularies that can be counted exactly. */
export type TokenEncoding = 'o200k_base' | 'cl100k_base';

/** How a model's tokens are counted: exactly, or as a stated share of another vocabulary. */
export interface TokenCounting {
  readonly encoding: TokenEncoding;
  /** Tokens of the model per thousand of the encoding; 1000 where the encoding is its own. */
  readonly perMille: number;
  /** Whether the model is known to use that very encoding. */
  readonly isExact: boolean;
}

/** What the catalog says of one model. Absent means not known, never zero or unlimited. */
export interface ModelSpec {
  readonly name: string;
  readonly counting: TokenCounting;
  /** Prompt and answer together; of an embedding model, one text. Unit: tokens. */
  readonly contextWindow?: number;
  /** Most the prompt alone may hold, where that is less than the window. Unit: tokens. */
  readonly maxInputTokens?: number;
  /** Most the model can answer. Unit: tokens. */
  readonly maxOutputTokens?: number;
  readonly price?: ModelPrice;
  /** Day the price was read, e.g. `2026-11-20`; absent when the caller set the price. */
  readonly priceAsOf?: string;
}

/** What a deployment says of a model where it knows better than the catalog. */
export interface ModelOverride {
  /** Catalog name to start from: an Azure deployment `chat-eu` may be `azure/gpt-4o`. */
  readonly sameAs?: string;
  readonly contextWindow?: number;
  readonly maxInputTokens?: number;
  readonly maxOutputTokens?: number;
  readonly price?: ModelPrice;
}

/** The catalog's spec with the deployment's own values over it. */
export function overrideSpec(base: ModelSpec, name: string, override: ModelOverride): ModelSpec {
  const { sameAs: _, ...values } = override;
  if (values.price === undefined) return { ...base, ...values, name };
  const { priceAsOf: __, ...undated } = base;
  return { ...undated, ...values, name };
}

const EXACT_O200K: TokenCounting = { encoding: 'o200k_base', perMille: 1000, isExact: true };
const EXACT_CL100K: TokenCounting = { encoding: 'cl100k_base', perMille: 1000, isExact: true };

const estimated = (perMille: number): TokenCounting => ({
  encoding: 'o200k_base',
  perMille,
  isExact: false,
});

/**
 * First match wins, on the name without prefix. The shares are assumptions, rounded up from
 * published comparisons of English prose, because reserving too much costs time and reserving
 * too little costs refusals; usage in the answers corrects them.
 */
const COUNTING_RULES: readonly (readonly [name: RegExp, counting: TokenCounting])[] = [
  [
    /^(chat)?gpt-?(4o|4\.1|4\.5|oss|[5-9])|^o\d|^(gpt-)?(audio|realtime)|^codex|^computer-use/,
    EXACT_O200K,
  ],
  [/^gpt-?(4|3\.?5)|^text-embedding-(3|ada)|^ada\b/, EXACT_CL100K],
  [/claude/, estimated(1200)],
  [/gemini|gemma|learnlm/, estimated(1100)],
  [
    /llama|mistral|mixtral|ministral|codestral|devstral|magistral|voxtral|pixtral|qwen|deepseek|kimi|glm/,
    estimated(1150),
  ],
];

/** A name nobody has heard of is most often a deployment of an OpenAI model. */
const UNKNOWN_COUNTING = estimated(1000);

/** How tokens of a model of that name are counted; always answers. */
export function countingFor(model: string): TokenCounting {
  const name = bareName(model).toLowerCase();
  return COUNTING_RULES.find(([pattern]) => pattern.test(name))?.[1] ?? UNKNOWN_COUNTING;
}

/** A way to read a model name, best first; `isFineTuned` means limits apply but prices do not. */
export interface NameReading {
  readonly name: string;
  readonly isFineTuned: boolean;
}

const SNAPSHOT_DATE = /[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$/;
const VENDOR_PREFIX = /^(openai|anthropic|azure|azure_ai)\//;

/**
 * The names to look a model up by, best first: as given, without vendor prefix, without date,
 * the base of a fine-tune. Never a guess from a longer name: `gpt-4o-mini-x` is not `gpt-4o-mini`.
 */
export function nameReadings(model: string): readonly NameReading[] {
  const readings: NameReading[] = [];
  const add = (name: string, isFineTuned: boolean): void => {
    if (!readings.some((reading) => reading.name === name)) readings.push({ name, isFineTuned });
  };
  const addWithAndWithoutDate = (name: string, isFineTuned: boolean): void => {
    add(name, isFineTuned);
    add(name.replace(SNAPSHOT_DATE, ''), isFineTuned);
  };
  addWithAndWithoutDate(model, false);
  const plain = model.replace(VENDOR_PREFIX, '');
  addWithAndWithoutDate(plain, false);
  const fineTuned = /^ft:([^:]+)/.exec(plain)?.[1];
  if (fineTuned !== undefined) {
    add(`ft:${fineTuned}`, false);
    addWithAndWithoutDate(fineTuned, true);
  }
  return readings;
}

/** The name without snapshot date; what several snapshots of one model have in common. */
export function undatedName(name: string): string {
  return name.replace(SNAPSHOT_DATE, '');
}

function bareName(model: string): string {
  return model.slice(model.lastIndexOf('/') + 1).replace(/^ft:/, '');
}
