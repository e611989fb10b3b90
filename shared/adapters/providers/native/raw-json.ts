/** Cuts a value out of a JSON text as it was written, where parsing would round its numbers. */

/**
 * The text of the value at the path of names, from an object that `JSON.parse` has accepted; of
 * equal names the last counts, as it does there. `null` when a name is missing, or is spelt with
 * escapes.
 */
export function rawValueAt(json: string, path: readonly string[]): string | null {
  let at = skipSpace(json, 0);
  for (const name of path) {
    const found = memberOf(json, at, JSON.stringify(name));
    if (found === null) return null;
    at = found;
  }
  return json.slice(at, endOfValue(json, at));
}

/** Where the value of the member begins. */
function memberOf(json: string, start: number, quotedName: string): number | null {
  if (json[start] !== '{') return null;
  let found: number | null = null;
  let at = skipSpace(json, start + 1);
  while (at < json.length && json[at] !== '}') {
    const isWanted = json.startsWith(quotedName, at);
    at = skipSpace(json, endOfString(json, at));
    at = skipSpace(json, at + 1);
    if (isWanted) found = at;
    at = skipSpace(json, endOfValue(json, at));
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return found;
}

function skipSpace(json: string, start: number): number {
  let at = start;
  while (at < json.length && json.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** After the closing quote. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  for (;;) {
    const quote = json.indexOf('"', at);
    if (quote < 0) return json.length;
    let slashes = 0;
    while (json.charCodeAt(quote - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

const NOT_SCALAR = /[,}\]\s]/g;

function endOfValue(json: string, start: number): number {
  const first = json[start];
  if (first === '"') return endOfString(json, start);
  if (first !== '{' && first !== '[') {
    NOT_SCALAR.lastIndex = start;
    return NOT_SCALAR.exec(json)?.index ?? json.length;
  }
  let depth = 0;
  let at = start;
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(json, at);
      continue;
    }
    at += 1;
    if (code === 0x7b || code === 0x5b) depth += 1;
    else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return at;
}
