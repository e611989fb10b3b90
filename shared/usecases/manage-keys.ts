import { type ApiKeyRecord, digestApiKey, KEY_PREFIX, type Scope } from '../domain/api-key.ts';
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyStore } from '../ports/key-store.ts';
import type { Random } from '../ports/random.ts';

/** What an administrator decides about a key. */
export interface KeyWish {
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly monthlyBudgetMicroUsd: number | null;
}

export interface ManageKeys {
  /** Makes a key. It is told here and never again: only its digest is kept. */
  create(wish: KeyWish): Promise<{ readonly key: string; readonly record: ApiKeyRecord }>;
  /** All keys of all tenants, newest first, revoked ones included. */
  list(): Promise<ApiKeyRecord[]>;
  /**
   * Ends a key; a second time changes nothing.
   *
   * @throws {AppError} `not_found`
   */
  revoke(id: string): Promise<ApiKeyRecord>;
}

export interface ManageKeysDeps {
  readonly keys: KeyStore;
  readonly clock: Clock;
  /** Must be unguessable here, as the system's is. */
  readonly random: Random;
  /** Secret that digests are made with. Read once, when first needed. */
  readonly pepper: () => Promise<string>;
}

export function createManageKeys({ keys, clock, random, pepper }: ManageKeysDeps): ManageKeys {
  return {
    async create(wish) {
      // Two ids of at least 120 random bits each.
      const key = `${random.id(KEY_PREFIX)}${random.id('')}`;
      const record: ApiKeyRecord = {
        ...wish,
        id: random.id('key_'),
        createdAtMs: clock.nowMs(),
        revokedAtMs: null,
      };
      await keys.create(record, digestApiKey(key, await pepper()));
      return { key, record };
    },
    list: () => keys.list(),
    async revoke(id) {
      const record = await keys.revoke(id, clock.nowMs());
      if (record !== null) return record;
      const shown = JSON.stringify(id.slice(0, 80));
      throw new AppError('not_found', `No key has the id ${shown}. GET /v1/keys lists them`);
    },
  };
}
