import type { ApiKeyRecord } from '../domain/api-key.ts';

/** API keys, by the digest of the key; the key itself is never stored. */
export interface KeyStore {
  /** Stores a new key. @throws when the id or the digest is taken. */
  create(record: ApiKeyRecord, digest: string): Promise<void>;
  /** The key with that digest, revoked or not; `null` when there is none. */
  findByDigest(digest: string): Promise<ApiKeyRecord | null>;
  /** All keys, newest first. */
  list(): Promise<ApiKeyRecord[]>;
  /** Revokes a key, once: a second call leaves the first instant. `null` when there is none. */
  revoke(id: string, atMs: number): Promise<ApiKeyRecord | null>;
}
