import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { WebhookEndpoint } from '../../../shared/domain/webhooks/webhook-endpoint.ts';
import type { WebhookStore } from '../../../shared/ports/webhook-store.ts';
import { START_MS } from '../builders.ts';

export interface WebhooksUnderTest {
  readonly webhooks: WebhookStore;
  close(): Promise<void>;
}

export function endpoint(overrides: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
  return {
    tenant: 'a',
    id: systemRandom.id('whk_'),
    url: 'https://example.com/hook?a=%23&b=ü',
    events: ['batch.completed', 'request.completed'],
    secrets: [
      { value: 'whsec_new', expiresAtMs: null },
      { value: 'whsec_old', expiresAtMs: START_MS + 1 },
    ],
    disabled: null,
    createdAtMs: START_MS,
    version: 1,
    ...overrides,
  };
}

/** What every WebhookStore must do. Other tests may share its store. */
export function defineWebhookStoreContract(
  name: string,
  makeStore: () => Promise<WebhooksUnderTest>,
): void {
  describe(`WebhookStore on ${name}`, () => {
    let store: WebhooksUnderTest;
    beforeEach(async () => {
      store = await makeStore();
    });
    afterEach(() => store.close());

    it('gives back what was stored, to its tenant and to nobody else', async () => {
      const { webhooks } = store;
      const [tenant, other] = [systemRandom.id('t_'), systemRandom.id('t_')];
      const later = endpoint({ tenant, createdAtMs: START_MS + 1 });
      const first = endpoint({ tenant, disabled: { reason: 'gone', atMs: START_MS } });
      await webhooks.create(later);
      await webhooks.create(first);
      expect(await webhooks.list(tenant)).toEqual([first, later]);
      expect(await webhooks.find(tenant, first.id)).toEqual(first);
      expect(await webhooks.find(other, first.id)).toBeNull();
      expect(await webhooks.list(other)).toEqual([]);
      expect(await webhooks.remove(other, first.id)).toBe(false);
    });

    it('keeps tenants apart whose names look like keys', async () => {
      const { webhooks } = store;
      const base = systemRandom.id('t_');
      const one = endpoint({ tenant: `${base}#WEBHOOKS` });
      await webhooks.create(one);
      expect(await webhooks.list(base)).toEqual([]);
      expect(await webhooks.list(one.tenant)).toEqual([one]);
    });

    it('takes an id once', async () => {
      const { webhooks } = store;
      const one = endpoint();
      await webhooks.create(one);
      await expect(webhooks.create({ ...one, url: 'https://example.org/' })).rejects.toThrow();
      expect(await webhooks.find(one.tenant, one.id)).toEqual(one);
    });

    it('lets one of many changes of the same version stand', async () => {
      const { webhooks } = store;
      const one = endpoint();
      await webhooks.create(one);
      const flags = await Promise.all(
        Array.from({ length: 8 }, (_, rival) =>
          webhooks.replace({ ...one, version: 2, url: `https://example.com/${rival}` }),
        ),
      );
      expect(flags.filter(Boolean)).toHaveLength(1);
      const winner = await webhooks.find(one.tenant, one.id);
      expect(winner).toMatchObject({
        version: 2,
        url: `https://example.com/${flags.indexOf(true)}`,
      });
    });

    it('changes nothing that is gone, and forgets once', async () => {
      const { webhooks } = store;
      const one = endpoint();
      expect(await webhooks.replace({ ...one, version: 2 })).toBe(false);
      await webhooks.create(one);
      expect(await webhooks.remove(one.tenant, one.id)).toBe(true);
      expect(await webhooks.remove(one.tenant, one.id)).toBe(false);
      expect(await webhooks.find(one.tenant, one.id)).toBeNull();
      expect(await webhooks.replace({ ...one, version: 2 })).toBe(false);
    });
  });
}
