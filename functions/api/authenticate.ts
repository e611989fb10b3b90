import { createHash, timingSafeEqual } from 'node:crypto';
import { DEFAULT_WEIGHT, type Principal, SCOPES, type Scope } from '../../shared/domain/api-key.ts';
import { AppError } from '../../shared/domain/errors.ts';

/** @throws {AppError} `unauthenticated` when the call carries no valid key. */
export type Authenticate = (request: Request) => Principal | Promise<Principal>;

export interface ApiKeyEntry {
  readonly key: string;
  readonly tenant: string;
  /** @default all of them */
  readonly scopes?: readonly Scope[];
}

/** Tenant of every caller where no keys are configured. */
export const DEFAULT_TENANT = 'default';

/**
 * Authenticates against a fixed list of keys, in `Authorization: Bearer` or `x-api-key`. With an
 * empty list everyone is the default tenant: only for a server that listens on loopback.
 */
export function createKeyAuthenticator(keys: readonly ApiKeyEntry[]): Authenticate {
  const entries = keys.map(({ key, tenant, scopes = SCOPES }) => ({
    digest: digestOf(key),
    principal: principalOf(tenant, scopes),
  }));
  const anyone = principalOf(DEFAULT_TENANT, SCOPES);
  return (request) => {
    if (entries.length === 0) return anyone;
    const presented = presentedKey(request.headers);
    if (presented === null) {
      throw new AppError('unauthenticated', 'Send an API key as "Authorization: Bearer <key>"');
    }
    const digest = digestOf(presented);
    let found: Principal | null = null;
    // Every entry is compared, so that time tells nothing about which one came close.
    for (const entry of entries) {
      if (timingSafeEqual(entry.digest, digest)) found = entry.principal;
    }
    if (found === null) {
      throw new AppError(
        'unauthenticated',
        'The API key is not known here. Check it, or ask for one',
      );
    }
    return found;
  };
}

function principalOf(tenant: string, scopes: readonly Scope[]): Principal {
  return { tenant, scopes, weight: DEFAULT_WEIGHT, monthlyBudgetMicroUsd: null };
}

function presentedKey(headers: Headers): string | null {
  const bearer = /^Bearer +([!-~]+) *$/i.exec(headers.get('authorization') ?? '')?.[1];
  return bearer ?? headers.get('x-api-key');
}

/** Digests have one length, which `timingSafeEqual` needs. */
function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
