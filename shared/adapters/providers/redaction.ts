/** Keeps the provider's key out of everything that leaves the adapter. */

const MASK = '[redacted]';
/** Shorter keys are placeholders such as `test`, which an answer may well contain as a word. */
const SHORTEST_SECRET = 16;
/** Keys by their look, whole or masked in part as providers quote them. */
const KEY_LIKE = /\b(?:sk|pk|rk|key|gsk|xai)-[\w*.-]{6,}|\bBearer\s+[\w.*~+/=-]{6,}/gi;
const LONGEST_MESSAGE = 1_000;

export interface Redactor {
  /** Text that is passed on whole: only the key itself is masked. */
  content(text: string): string;
  /** An error's words: masked, on one line, and cut to a length fit for a log. */
  message(text: string): string;
}

export function createRedactor(apiKey: string | null): Redactor {
  const isSecret = apiKey !== null && apiKey.length >= SHORTEST_SECRET;
  const content = (text: string): string =>
    isSecret && text.includes(apiKey) ? text.replaceAll(apiKey, MASK) : text;
  return {
    content,
    message: (text) => {
      // Cut first, with room for a key at the end: hostile errors can be long.
      const start = text.slice(0, LONGEST_MESSAGE * 2);
      const plain = apiKey === null || apiKey.length < 4 ? start : start.replaceAll(apiKey, MASK);
      const line = plain.replace(KEY_LIKE, MASK).replace(/[\p{Cc}\s]+/gu, ' ');
      return line.length <= LONGEST_MESSAGE
        ? line.trim()
        : `${line.slice(0, LONGEST_MESSAGE).trim()}…`;
    },
  };
}
