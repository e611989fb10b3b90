/** Tells texts that recur from texts seen once. */
export interface RepeatFilter {
  /** Whether this very text was shown before. May miss the first repeats, never invents one. */
  seen(text: string): boolean;
}

/** Glances remembered before the filter starts afresh. */
const MAX_GLANCES = 50_000;

/** Characters looked at, spread evenly over the text. */
const GLANCES_AT = 24;

/** Texts kept to compare with, together, before the filter starts afresh. Unit: UTF-16 units. */
const MAX_KEPT_LENGTH = 4 * 1024 * 1024;

/**
 * Looks at two dozen characters and the length first: most texts are new, and hashing each in
 * full would cost as much as estimating it. Only a text whose glance is known is kept and
 * compared, so texts of one template are not taken for one text.
 */
export function createRepeatFilter(): RepeatFilter {
  const glances = new Set<number>();
  const kept = new Set<string>();
  let keptLength = 0;

  function isNewGlance(text: string): boolean {
    const glance = glanceAt(text);
    if (glances.has(glance)) return false;
    if (glances.size >= MAX_GLANCES) glances.clear();
    glances.add(glance);
    return true;
  }

  return {
    seen(text) {
      if (isNewGlance(text)) return false;
      if (kept.has(text)) return true;
      if (keptLength + text.length > MAX_KEPT_LENGTH) {
        kept.clear();
        keptLength = 0;
      }
      kept.add(text);
      keptLength += text.length;
      return false;
    },
  };
}

function glanceAt(text: string): number {
  const step = Math.max(1, Math.floor(text.length / GLANCES_AT));
  let hash = text.length | 0;
  for (let at = text.length - 1; at >= 0; at -= step) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash;
}
