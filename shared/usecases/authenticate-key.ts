/** From a key to who calls. */

import {
  DEFAULT_TENANT,
  digestApiKey,
  isSameDigest,
  type Principal,
  SCOPES,
} from '../domain/api-key.ts';
import type { KeyStore } from '../ports/key-store.ts';

export interface AuthenticatedCaller {
  /** Names the key in access logs. */
  readonly keyId: string;
  readonly principal: Principal;
}

/** The caller a key belongs to; `null` when it is unknown or revoked. */
export type AuthenticateKey = (key: string) => Promise<AuthenticatedCaller | null>;

export interface AuthenticateKeyDeps {
  readonly keys: Pick<KeyStore, 'findByDigest'>;
  /** The secret keys are digested with. */
  readonly pepper: () => Promise<string>;
  /** The key of the first administrator; `null` when there is none. */
  readonly adminKey: () => Promise<string | null>;
}

const ADMINISTRATOR: AuthenticatedCaller = {
  keyId: 'admin',
  principal: {
    tenant: DEFAULT_TENANT,
    scopes: SCOPES,
    monthlyBudgetMicroUsd: null,
  },
};

/** Remembers nothing, so that a revoked key is refused from its next call on. */
export function createAuthenticateKey(deps: AuthenticateKeyDeps): AuthenticateKey {
  return async (key) => {
    const [pepper, adminKey] = await Promise.all([deps.pepper(), deps.adminKey()]);
    const digest = digestApiKey(key, pepper);
    if (adminKey !== null && isSameDigest(digestApiKey(adminKey, pepper), digest)) {
      return ADMINISTRATOR;
    }
    const record = await deps.keys.findByDigest(digest);
    if (record === null || record.revokedAtMs !== null) return null;
    const { id: keyId, tenant, scopes, monthlyBudgetMicroUsd } = record;
    return { keyId, principal: { tenant, scopes, monthlyBudgetMicroUsd } };
  };
}
