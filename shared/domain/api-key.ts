import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a key may do. */
export const SCOPES = ['read', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** An API key as it is listed: everything but the key. */
export interface ApiKeyRecord {
  /** Names the key where the key itself must not be shown. */
  readonly id: string;
  readonly tenant: string;
  /** For people: whose it is, or what it is for. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Most the tenant may spend in a calendar month (UTC); `null` for no bound. */
  readonly monthlyBudgetMicroUsd: number | null;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
}

/** Who calls. The tenant of everything a call touches comes from here only. */
export interface Principal {
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  readonly monthlyBudgetMicroUsd: number | null;
}

/** Tenant of every caller where no keys are configured, and of the first administrator. */
export const DEFAULT_TENANT = 'default';

/** What every key begins with, so that people and secret scanners know one when they see it. */
export const KEY_PREFIX = 'pk_';

/**
 * What is stored of a key, and looked up by: an HMAC-SHA-256 under a secret of the deployment, in
 * hexadecimal. A stolen list of digests cannot be tried against guesses without that secret.
 */
export function digestApiKey(key: string, pepper: string): string {
  return createHmac('sha256', pepper).update(key).digest('hex');
}

/** True when both digests are the same, in a time that does not tell where they differ. */
export function isSameDigest(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
