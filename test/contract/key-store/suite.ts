import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { ApiKeyRecord } from '../../../shared/domain/api-key.ts';
import type { KeyStore } from '../../../shared/ports/key-store.ts';
import { START_MS } from '../builders.ts';

export interface KeysUnderTest {
  readonly keys: KeyStore;
  close(): Promise<void>;
}

function record(overrides: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    id: systemRandom.id('key_'),
    tenant: 'tenant-a',
    name: 'Ünïcode & "quotes"',
    scopes: ['read', 'write'],
    monthlyBudgetMicroUsd: null,
    createdAtMs: START_MS,
    revokedAtMs: null,
    ...overrides,
  };
}

const digest = () => systemRandom.id('digest_');

/** What every KeyStore must do. Other tests may share its store. */
export function defineKeyStoreContract(
  name: string,
  makeStore: () => Promise<KeysUnderTest>,
): void {
  describe(`KeyStore on ${name}`, () => {
    let keys: KeyStore;
    let store: KeysUnderTest;

    beforeEach(async () => {
      store = await makeStore();
      keys = store.keys;
    });
    afterEach(() => store.close());

    it('finds a key by its digest, whole, and no other', async () => {
      const [one, other] = [
        record({ monthlyBudgetMicroUsd: 12_500_000 }),
        record({ tenant: 'tenant-b', scopes: ['admin'] }),
      ];
      const [oneDigest, otherDigest] = [digest(), digest()];
      await keys.create(one, oneDigest);
      await keys.create(other, otherDigest);
      expect(await keys.findByDigest(oneDigest)).toEqual(one);
      expect(await keys.findByDigest(otherDigest)).toEqual(other);
      expect(await keys.findByDigest(digest())).toBeNull();
      expect(await keys.findByDigest('')).toBeNull();
    });

    it('lists keys newest first, revoked ones too', async () => {
      const records = [20, 40, 30].map((ms) => record({ createdAtMs: START_MS + ms }));
      for (const each of records) await keys.create(each, digest());
      await keys.revoke(records[1]?.id ?? '', START_MS + 50);
      const ours = new Set(records.map(({ id }) => id));
      const listed = (await keys.list()).filter(({ id }) => ours.has(id));
      expect(listed).toEqual([
        { ...records[1], revokedAtMs: START_MS + 50 },
        records[2],
        records[0],
      ]);
    });

    it('takes neither an id nor a digest twice, and leaves what stands', async () => {
      const first = record();
      const taken = digest();
      await keys.create(first, taken);
      await expect(keys.create(first, taken)).rejects.toThrow(first.id);
      const spare = digest();
      await expect(keys.create({ ...record(), id: first.id }, spare)).rejects.toThrow(first.id);
      const another = record({ tenant: 'tenant-b' });
      await expect(keys.create(another, taken)).rejects.toThrow(another.id);
      expect(await keys.findByDigest(spare)).toBeNull();
      expect(await keys.findByDigest(taken)).toEqual(first);
      expect((await keys.list()).some(({ id }) => id === another.id)).toBe(false);
    });

    it('lets one of many creators of the same key win', async () => {
      const taken = digest();
      const rivals = Array.from({ length: 8 }, () => record());
      const ends = await Promise.allSettled(rivals.map((rival) => keys.create(rival, taken)));
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const winner = rivals[ends.findIndex(({ status }) => status === 'fulfilled')];
      expect(await keys.findByDigest(taken)).toEqual(winner);
    });

    it('revokes a key once, for good', async () => {
      const key = record();
      const its = digest();
      await keys.create(key, its);
      const revoked = { ...key, revokedAtMs: START_MS + 1_000 };
      expect(await keys.revoke(key.id, START_MS + 1_000)).toEqual(revoked);
      expect(await keys.revoke(key.id, START_MS + 9_000)).toEqual(revoked);
      expect(await keys.findByDigest(its)).toEqual(revoked);
      await expect(keys.create(key, its)).rejects.toThrow(key.id);
    });

    it('has no key to revoke under an id nobody has', async () => {
      expect(await keys.revoke(systemRandom.id('key_'), START_MS)).toBeNull();
    });
  });
}
