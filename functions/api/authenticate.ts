import { randomBytes } from 'node:crypto';
import { fieldOf } from '../../shared/contracts/config-variables.ts';
import { presentedKey } from '../../shared/contracts/presented-key.ts';
import { decodePrincipal } from '../../shared/contracts/principal-context.ts';
import {
  DEFAULT_TENANT,
  digestApiKey,
  type Principal,
  SCOPES,
  type Scope,
} from '../../shared/domain/api-key.ts';
import { AppError } from '../../shared/domain/errors.ts';
import {
  type AuthenticateKey,
  createAuthenticateKey,
} from '../../shared/usecases/authenticate-key.ts';

/**
 * Says who calls, from the request, or from what the host of the app knows of it (`bindings`).
 *
 * @throws {AppError} `unauthenticated` when the call carries no valid key.
 */
export type Authenticate = (request: Request, bindings: unknown) => Principal | Promise<Principal>;

export interface ApiKeyEntry {
  readonly key: string;
  readonly tenant: string;
  /** @default all of them */
  readonly scopes?: readonly Scope[];
}

/** Keys beside the fixed ones. */
export interface StoredKeys {
  readonly authenticateKey: AuthenticateKey;
  /** No key was ever made. */
  isEmpty(): Promise<boolean>;
}

const NO_STORED_KEYS: StoredKeys = {
  authenticateKey: async () => null,
  isEmpty: async () => true,
};

/**
 * Authenticates against a fixed list of keys, then against stored ones, in `Authorization: Bearer`
 * or `x-api-key`. Where there is neither, everyone is the default tenant: only for a server that
 * listens on loopback.
 */
export function createKeyAuthenticator(
  keys: readonly ApiKeyEntry[],
  stored: StoredKeys = NO_STORED_KEYS,
): Authenticate {
  // Of this process only: the digests are kept nowhere.
  const pepper = randomBytes(32).toString('hex');
  const records = new Map(
    keys.map(({ key, tenant, scopes = SCOPES }, index) => [
      digestApiKey(key, pepper),
      {
        id: `configured-${index}`,
        name: '',
        ...principalOf(tenant, scopes),
        createdAtMs: 0,
        revokedAtMs: null,
      },
    ]),
  );
  const authenticateKey = createAuthenticateKey({
    keys: { findByDigest: async (digest) => records.get(digest) ?? null },
    pepper: async () => pepper,
    adminKey: async () => null,
  });
  return async ({ headers }) => {
    if (keys.length === 0 && (await stored.isEmpty())) return principalOf(DEFAULT_TENANT, SCOPES);
    const presented = presentedKey((name) => headers.get(name));
    if (presented === null) {
      throw new AppError('unauthenticated', 'Send an API key as "Authorization: Bearer <key>"');
    }
    const caller = (await authenticateKey(presented)) ?? (await stored.authenticateKey(presented));
    if (caller !== null) return caller.principal;
    throw new AppError(
      'unauthenticated',
      'The API key is not known here. Check it, or ask for one',
    );
  };
}

/**
 * Believes the gateway's authorizer, and nothing that the caller sent: the principal comes from
 * the context that API Gateway adds to the event.
 */
export const authenticateByGateway: Authenticate = (_request, bindings) => {
  const principal = decodePrincipal(authorizerContextOf(bindings));
  if (principal !== null) return principal;
  throw new AppError('unauthenticated', 'The call did not pass the authorizer');
};

function authorizerContextOf(bindings: unknown): unknown {
  const context = fieldOf(fieldOf(bindings, 'event'), 'requestContext');
  return fieldOf(context, 'authorizer');
}

function principalOf(tenant: string, scopes: readonly Scope[]): Principal {
  return { tenant, scopes, monthlyBudgetMicroUsd: null };
}
