/** Counts by text, least recently used out first. */
export interface CountCache {
  get(text: string): number | undefined;
  /** A text that would fill a quarter of the cache alone is not kept. */
  set(text: string, tokens: number): void;
}

/** A cache bounded by the length of the texts it holds. Unit: UTF-16 units. */
export function createCountCache(maxLength: number): CountCache {
  const counts = new Map<string, number>();
  let length = 0;
  return {
    get(text) {
      const tokens = counts.get(text);
      if (tokens === undefined) return undefined;
      counts.delete(text);
      counts.set(text, tokens);
      return tokens;
    },
    set(text, tokens) {
      if (text.length > maxLength / 4 || counts.has(text)) return;
      counts.set(text, tokens);
      length += text.length;
      for (const oldest of counts.keys()) {
        if (length <= maxLength) break;
        counts.delete(oldest);
        length -= oldest.length;
      }
    },
  };
}
