/** Digests of content, as others reckon them too. */

import { createHash } from 'node:crypto';

/** SHA-256, in base64 fit for names. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('base64url');
}

/** SHA-256, as bytes. */
export function sha256Bytes(content: Uint8Array | string): Buffer {
  return createHash('sha256').update(content).digest();
}

/** MD5 of content that comes in pieces, in hexadecimal: what callers check uploads by. */
export class Md5 {
  readonly #hash = createHash('md5');

  add(piece: Uint8Array): void {
    this.#hash.update(piece);
  }

  /** Call once. */
  hex(): string {
    return this.#hash.digest('hex');
  }
}
