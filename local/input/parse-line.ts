import {
  MAX_JSON_DEPTH,
  MAX_JSON_KEYS,
  parseGuardedJson,
} from '../../shared/domain/json/json-guard.ts';
import { MOST_LINE_BYTES } from '../../shared/domain/json/line-splitter.ts';

const LIMITS = { maxBytes: MOST_LINE_BYTES, maxDepth: MAX_JSON_DEPTH, maxKeys: MAX_JSON_KEYS };

export type ParsedLine =
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'bad'; readonly message: string };

/** The value of one line. The place of a fault is a column: its line is the caller's to name. */
export function parseLine(bytes: Buffer): ParsedLine {
  const parsed = parseGuardedJson(bytes, LIMITS);
  return parsed.ok
    ? { kind: 'parsed', value: parsed.value }
    : { kind: 'bad', message: parsed.fault.message.replace(' at line 1, column', ' at column') };
}
