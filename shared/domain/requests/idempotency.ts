/** Who sent what, as digests: the same request twice is one request. */

import { createHash } from 'node:crypto';
import { canonicalJson } from '../json/canonical-json.ts';
import type { Endpoint } from './request.ts';

const ID_PREFIX = 'req_';

/** 144 bits: no two keys meet by chance, and the id is short enough to read out. */
const ID_CHARACTERS = 24;

/**
 * What a request asks for, as one digest. Spelling does not count (key order, blanks, escapes);
 * any change of meaning does. A key that comes back with another fingerprint is refused.
 */
export function fingerprint(endpoint: Endpoint, body: Readonly<Record<string, unknown>>): string {
  return digest(`${endpoint}\n${canonicalJson(body)}`);
}

/**
 * The id of the request with that idempotency key: the same for the same tenant and key, on any
 * machine, and nothing about either can be read from it.
 */
export function requestIdFor(tenant: string, idempotencyKey: string): string {
  const id = digest(JSON.stringify([tenant, idempotencyKey]));
  return `${ID_PREFIX}${id.slice(0, ID_CHARACTERS)}`;
}

/**
 * The name from which the requests of one call get their ids, by the key of the call. Apart from
 * the ids of single requests: a key may name one of either.
 */
export function callIdFor(tenant: string, idempotencyKey: string): string {
  const id = digest(JSON.stringify(['call', tenant, idempotencyKey]));
  return `${ID_PREFIX}${id.slice(0, ID_CHARACTERS)}`;
}

/** What a whole call asks for, as one digest of its parts in their order. */
export function callFingerprint(parts: readonly unknown[]): string {
  return digest(parts.map((part) => JSON.stringify(part)).join('\n'));
}

/** Prefix of ids of requests that came without a key. */
export const RANDOM_ID_PREFIX = ID_PREFIX;

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
