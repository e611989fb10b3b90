import type { TokenEncoding } from '../domain/sizes/model-spec.ts';

/**
 * Counts the tokens of a text. Synchronous and total: special-token text counts as the plain
 * text it is, broken Unicode is counted as replacement characters, and time grows with length
 * only. Counts of the same text are the same; remembering them is the adapter's business.
 */
export type CountText = (text: string) => number;

/** Source of exact token counts. */
export interface TokenCounter {
  /**
   * Makes an encoding ready, once: about half a second and 150 MB the first time, nothing
   * after. Callers that can live with an estimate must not call it.
   */
  load(encoding: TokenEncoding): Promise<CountText>;
}
