import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { ProviderMessages } from '../../../shared/ports/provider-webhooks.ts';
import { START_MS } from '../builders.ts';

export interface MessagesUnderTest {
  readonly providerMessages: ProviderMessages;
  close(): Promise<void>;
}

/** What every ProviderMessages must do. Other tests may share its store. */
export function defineProviderMessagesContract(
  name: string,
  makeStore: () => Promise<MessagesUnderTest>,
): void {
  describe(`ProviderMessages on ${name}`, () => {
    let store: MessagesUnderTest;
    beforeEach(async () => {
      store = await makeStore();
    });
    afterEach(() => store.close());

    it('knows what was noted, of that provider only, for three days at least', async () => {
      const { providerMessages } = store;
      const [id, later] = [systemRandom.id('wh_#/'), systemRandom.id('wh_')];
      expect(await providerMessages.isKnown('openai', id)).toBe(false);
      await providerMessages.note('openai', id, START_MS);
      await providerMessages.note('openai', id, START_MS + 1);
      await providerMessages.note('openai', later, START_MS + 3 * 86_400_000);
      expect(await providerMessages.isKnown('openai', id)).toBe(true);
      expect(await providerMessages.isKnown('other', id)).toBe(false);
    });
  });
}
