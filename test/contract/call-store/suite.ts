import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { CallStore } from '../../../shared/ports/call-store.ts';

export interface CallsUnderTest {
  readonly calls: CallStore;
  close(): Promise<void>;
}

/** What every CallStore must do. Other tests may share its store. */
export function defineCallStoreContract(
  name: string,
  makeStore: () => Promise<CallsUnderTest>,
): void {
  describe(`CallStore on ${name}`, () => {
    let store: CallsUnderTest;
    beforeEach(async () => {
      store = await makeStore();
    });
    afterEach(() => store.close());

    it('lets a call claim its id again, and no other call', async () => {
      const { calls } = store;
      const id = systemRandom.id('req_');
      expect(await calls.claim('a', id, 'one')).toBe(true);
      expect(await calls.claim('a', id, 'one')).toBe(true);
      expect(await calls.claim('a', id, 'other')).toBe(false);
      expect(await calls.claim('a', id, 'one')).toBe(true);
      expect(await calls.claim('b', id, 'other')).toBe(true);
    });

    it('lets one of many different calls have it', async () => {
      const { calls } = store;
      const id = systemRandom.id('req_');
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, rival) => calls.claim('a', id, `rival ${rival}`)),
      );
      expect(claims.filter(Boolean)).toHaveLength(1);
    });
  });
}
