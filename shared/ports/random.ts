/** Randomness, injected so that tests and replays are exact. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A fresh identifier, `prefix` followed by at least 120 random bits. */
  id(prefix: string): string;
}
