import type { StoredKeys } from '../../functions/api/authenticate.ts';
import type { ServerKey } from '../../shared/contracts/config.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { KeyStore } from '../../shared/ports/key-store.ts';
import type { Random } from '../../shared/ports/random.ts';
import { createAuthenticateKey } from '../../shared/usecases/authenticate-key.ts';
import { createManageKeys, type ManageKeys } from '../../shared/usecases/manage-keys.ts';
import type { RunRecords } from '../state/run-records.ts';

export interface ServerKeysOptions {
  readonly keys: KeyStore;
  readonly records: RunRecords;
  /** Those named in the configuration. */
  readonly configured: readonly ServerKey[];
  readonly clock: Clock;
  readonly random: Random;
}

/** Who may call a server on one machine. */
export interface ServerKeys {
  readonly stored: StoredKeys;
  readonly manageKeys: ManageKeys;
  /** Nobody has a key, so everybody on this machine may call. */
  isOpen(): Promise<boolean>;
}

/** Keys in the state database, digested with a pepper that is kept there too. */
export function openServerKeys(options: ServerKeysOptions): ServerKeys {
  const { keys, records, configured, clock, random } = options;
  let hasStored = false;
  const isEmpty = async (): Promise<boolean> => {
    // Keys are revoked and never deleted, so what was once seen stays true.
    hasStored ||= (await keys.list()).length > 0;
    return !hasStored;
  };
  const isOpen = async (): Promise<boolean> => configured.length === 0 && (await isEmpty());
  const pepper = async (): Promise<string> => {
    const known = records.pepper;
    if (known !== null) return known;
    const made = `${random.id('')}${random.id('')}`;
    records.pepper = made;
    return made;
  };
  const manageKeys = createManageKeys({ keys, clock, random, pepper });
  return {
    isOpen,
    stored: {
      isEmpty,
      authenticateKey: createAuthenticateKey({ keys, pepper, adminKey: async () => null }),
    },
    manageKeys: {
      ...manageKeys,
      async create(wish) {
        if ((await isOpen()) && !wish.scopes.includes('admin')) {
          throw new AppError(
            'invalid_request',
            'scopes: from the first key on, calls without a key are refused; so the first one must have the scope admin, or nobody could make another',
          );
        }
        return manageKeys.create(wish);
      },
    },
  };
}
