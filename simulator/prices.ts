/** List prices of one model. Unit: micro-USD per million tokens, so that $0.15/M is 150000. */
export interface Price {
  readonly input: number;
  readonly cachedInput: number;
  readonly output: number;
  /** Anthropic prompt-cache writes; elsewhere writes cost as input. */
  readonly cacheWrite5m?: number | undefined;
  readonly cacheWrite1h?: number | undefined;
}

export type PriceTable = Readonly<Record<string, Price>>;

/** Source: the vendors' price pages, from memory, November 2026; override them by options. */
export const LIST_PRICES: PriceTable = {
  'gpt-4o-mini': { input: 150_000, cachedInput: 75_000, output: 600_000 },
  'gpt-4o': { input: 2_500_000, cachedInput: 1_250_000, output: 10_000_000 },
  'gpt-4.1-mini': { input: 400_000, cachedInput: 100_000, output: 1_600_000 },
  'text-embedding-3-small': { input: 20_000, cachedInput: 20_000, output: 0 },
  'claude-haiku-4-5': {
    input: 1_000_000,
    cachedInput: 100_000,
    output: 5_000_000,
    cacheWrite5m: 1_250_000,
    cacheWrite1h: 2_000_000,
  },
  'claude-3-5-haiku': {
    input: 800_000,
    cachedInput: 80_000,
    output: 4_000_000,
    cacheWrite5m: 1_000_000,
    cacheWrite1h: 1_600_000,
  },
};

/** Tokens of one answer, each counted once: `input` holds only what neither hit nor wrote a cache. */
export interface BilledTokens {
  readonly input: number;
  readonly cachedInput: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
  readonly output: number;
}

/** The price of a model or of the dated snapshot of one; the longest matching name wins. */
export function findPrice(table: PriceTable, model: string): Price | undefined {
  let best = '';
  for (const name of Object.keys(table)) {
    if (name.length > best.length && (model === name || model.startsWith(`${name}-`))) best = name;
  }
  return table[best];
}

/** Unit: millionths of a micro-USD, an integer at list price: sums of it stay exact. */
export function costOf(price: Price, tokens: BilledTokens): number {
  return (
    tokens.input * price.input +
    tokens.cachedInput * price.cachedInput +
    tokens.cacheWrite5m * (price.cacheWrite5m ?? price.input) +
    tokens.cacheWrite1h * (price.cacheWrite1h ?? price.input) +
    tokens.output * price.output
  );
}
