/** One spelling for every JSON value, so that equal values have equal digests. */

/**
 * The value as JSON with sorted keys, no blanks, and one way to write each number and character.
 * Key order, blanks and escapes of the source do not show; any other difference does. The value
 * must come from `JSON.parse` and be of bounded depth.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(byKey);
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

function byKey([one]: [string, unknown], [other]: [string, unknown]): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
