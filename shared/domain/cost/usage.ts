/** What a provider billed for one answer. */

/** Tokens billed for one answer, each token in exactly one field. Unit of all: tokens. */
export interface TokenUsage {
  /** Prompt tokens neither read from nor written to a cache. */
  readonly inputTokens: number;
  /** Prompt tokens read from the provider's cache. */
  readonly cachedInputTokens: number;
  /** Prompt tokens written to a cache that lives five minutes. */
  readonly cacheWriteTokens: number;
  /** Prompt tokens written to a cache that lives an hour. */
  readonly cacheWrite1hTokens: number;
  /** Tokens produced, reasoning included. */
  readonly outputTokens: number;
}

/** Nothing billed: the usage of a request that was refused or never answered. */
export const NO_USAGE: TokenUsage = {
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  outputTokens: 0,
};

/** Every token of the prompt, however it was billed. Unit: tokens. */
export function promptTokens(usage: TokenUsage): number {
  return (
    usage.inputTokens + usage.cachedInputTokens + usage.cacheWriteTokens + usage.cacheWrite1hTokens
  );
}

/** The usage of two answers together; a packed call or a day's total. */
export function addUsage(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    cacheWrite1hTokens: a.cacheWrite1hTokens + b.cacheWrite1hTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
}
