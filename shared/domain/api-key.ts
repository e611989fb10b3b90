import { createHmac } from 'node:crypto';

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
  /** Share of the capacity against other tenants. Integer > 0. */
  readonly weight: number;
  /** Most the tenant may spend in a calendar month (UTC); `null` for no bound. */
  readonly monthlyBudgetMicroUsd: number | null;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
}

/** Who calls. The tenant of everything a call touches comes from here only. */
export interface Principal {
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  readonly weight: number;
  readonly monthlyBudgetMicroUsd: number | null;
}

/** Weight of a caller nobody weighed. */
export const DEFAULT_WEIGHT = 1;

/** What every key begins with, so that people and secret scanners know one when they see it. */
export const KEY_PREFIX = 'pk_';

/**
 * The digest a key is stored and found by. Keys hold more than 160 random bits, so one pass is
 * enough; the pepper makes a stolen list of digests useless by itself.
 */
export function keyDigest(pepper: string, key: string): string {
  return createHmac('sha256', pepper).update(key).digest('base64url');
}
