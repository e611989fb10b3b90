/**
 * Reads JSON nobody vouches for: bounded first, parsed after.
 *
 * `JSON.parse` takes any depth and any number of keys, keeps the last of two equal keys, turns
 * `1e400` into Infinity and large integers into other integers. Each of these fails later and
 * elsewhere, or changes what the caller meant. So one linear scan checks the whole grammar, the
 * bounds and these traps, and names the place; only then is the text parsed.
 */

import { JsonScanner } from './json-scanner.ts';

/** Bounds of one JSON text. */
export interface JsonLimits {
  /** Unit: bytes of UTF-8. */
  readonly maxBytes: number;
  /** Most arrays and objects inside each other. */
  readonly maxDepth: number;
  /** Most object keys in the whole text. */
  readonly maxKeys: number;
}

/** Deepest nesting taken anywhere; serialisers and schemas recurse, and overflow at some 2,000. */
export const MAX_JSON_DEPTH = 64;

/** Most object keys of one request. */
export const MAX_JSON_KEYS = 10_000;

/** Why a text was refused. The message names the place and never quotes the text around it. */
export interface JsonFault {
  readonly code: 'invalid_request' | 'payload_too_large';
  readonly message: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

export type GuardedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: JsonFault };

/**
 * The value in the bytes, or the first fault in them. Total: no input throws, and time grows with
 * length only. A byte order mark at the start is passed over.
 */
export function parseGuardedJson(bytes: Uint8Array, limits: JsonLimits): GuardedJson {
  if (bytes.length > limits.maxBytes) {
    const message = `The JSON has ${bytes.length} bytes; at most ${limits.maxBytes} are taken`;
    return { ok: false, fault: { code: 'payload_too_large', message, line: 1, column: 1 } };
  }
  const text = decode(bytes);
  if (text === null) return { ok: false, fault: encodingFault(bytes) };
  const found = new JsonScanner(text, limits).scan();
  if (found === null) return { ok: true, value: JSON.parse(text) };
  return { ok: false, fault: faultAt(text, found.offset, found.message) };
}

function faultAt(text: string, offset: number, what: string): JsonFault {
  let line = 1;
  let lineStart = 0;
  for (;;) {
    const end = text.indexOf('\n', lineStart);
    if (end === -1 || end >= offset) break;
    line += 1;
    lineStart = end + 1;
  }
  const column = offset - lineStart + 1;
  const message = `Not usable JSON at line ${line}, column ${column}: ${what}`;
  return { code: 'invalid_request', message, line, column };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Finds the longest start that decodes, so that the place can be named. */
function encodingFault(bytes: Uint8Array): JsonFault {
  let good = 0;
  let bad = bytes.length;
  while (good + 1 < bad) {
    const middle = (good + bad) >>> 1;
    if (decodesSoFar(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  const before = new TextDecoder().decode(bytes.subarray(0, good), { stream: true });
  return faultAt(before, before.length, 'this is not UTF-8. Save or send the text as UTF-8');
}

function decodesSoFar(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
