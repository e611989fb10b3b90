import { beforeEach, describe, expect, it } from 'vitest';
import type { ProviderHold, ProviderHolds } from '../../../shared/ports/provider-holds.ts';
import { START_MS } from '../builders.ts';

function holdOf(provider: string, overrides: Partial<ProviderHold> = {}): ProviderHold {
  return {
    provider,
    code: 'provider_auth_failed',
    message: 'Incorrect API key provided: sk-…',
    heldAtMs: START_MS,
    reviewAtMs: START_MS + 300_000,
    ...overrides,
  };
}

/** What every ProviderHolds must do. Each is made empty. */
export function defineProviderHoldsContract(
  name: string,
  makeHolds: () => Promise<ProviderHolds>,
): void {
  describe(`ProviderHolds on ${name}`, () => {
    let holds: ProviderHolds;
    const list = async () =>
      (await holds.list()).toSorted((one, other) => (one.provider < other.provider ? -1 : 1));

    beforeEach(async () => {
      holds = await makeHolds();
    });

    it('holds nobody at first', async () => {
      expect(await holds.list()).toEqual([]);
    });

    it('lists each hold whole, until its provider is released', async () => {
      const azure = holdOf('azure-eu', { code: 'provider_quota_spent', message: '' });
      const openai = holdOf('openai');
      await holds.hold(openai);
      await holds.hold(azure);
      expect(await list()).toEqual([azure, openai]);
      await holds.release('openai');
      expect(await list()).toEqual([azure]);
    });

    it('keeps the later of two holds of a provider', async () => {
      await holds.hold(holdOf('openai'));
      const later = holdOf('openai', { heldAtMs: START_MS + 9, reviewAtMs: START_MS + 600_000 });
      await holds.hold(later);
      expect(await holds.list()).toEqual([later]);
    });

    it('releases twice, and whom nobody held', async () => {
      await holds.hold(holdOf('openai'));
      await holds.release('openai');
      await holds.release('openai');
      await holds.release('nobody');
      expect(await holds.list()).toEqual([]);
    });
  });
}
