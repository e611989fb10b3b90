/** What an error body says, whichever of the many shapes it has. */

import { isRecord, type JsonRecord } from './json.ts';

export interface ErrorFacts {
  /** In the provider's words; `null` when the body holds none. */
  readonly message: string | null;
  /** Codes and types from all levels, lower-case. */
  readonly codes: ReadonlySet<string>;
  /** The request field at fault. */
  readonly param: string | null;
}

const NO_FACTS: ErrorFacts = { message: null, codes: new Set(), param: null };

/** Understands OpenAI's, Azure's, Anthropic's and FastAPI's shapes, and lists of them. */
export function readErrorFacts(body: unknown): ErrorFacts {
  const outer = Array.isArray(body) ? body[0] : body;
  if (typeof outer === 'string' && outer !== '') return { ...NO_FACTS, message: outer };
  if (!isRecord(outer)) return NO_FACTS;
  const inner = outer['error'];
  if (typeof inner === 'string') return { ...factsOf(outer, NO_LEVEL), message: inner };
  return isRecord(inner) ? factsOf(inner, outer) : factsOf(outer, NO_LEVEL);
}

const NO_LEVEL: JsonRecord = {};

function factsOf(error: JsonRecord, outer: JsonRecord): ErrorFacts {
  const details = error['details'];
  const innerError = error['innererror'] ?? error['inner_error'];
  const codes = new Set<string>();
  const levels = [error, outer, isRecord(details) ? details : NO_LEVEL];
  if (isRecord(innerError)) levels.push(innerError);
  for (const level of levels) {
    for (const name of ['code', 'type', 'status', 'error_code']) {
      const value = level[name];
      if (typeof value === 'string' || typeof value === 'number') {
        codes.add(String(value).toLowerCase());
      }
    }
  }
  const param = error['param'];
  return {
    message: firstText(error['message'], error['detail'], outer['message'], outer['detail']),
    codes,
    param: typeof param === 'string' ? param : null,
  };
}

function firstText(...values: readonly unknown[]): string | null {
  for (const value of values) {
    if (typeof value === 'string' && value !== '') return value;
    const [first] = Array.isArray(value) ? value : [];
    if (isRecord(first) && typeof first['msg'] === 'string') return first['msg'];
  }
  return null;
}
