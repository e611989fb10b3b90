import { expect, it } from 'vitest';
import { createNativeProvider } from '../../../shared/adapters/providers/native/create-native-provider.ts';
import { readProviderWebhook } from '../../../shared/adapters/providers/native/provider-webhook.ts';
import type { ProviderWebhook } from '../../../shared/ports/provider-webhooks.ts';
import { createFrozenClock, startSimulator } from '../../../simulator/server.ts';
import { startHostileServer } from '../../support/hostile-server.ts';
import { inputFor, NEVER } from './scripted.ts';
import { must } from './suite.ts';

it('a batch that ends is announced by webhooks that verify, repeats under the same id', async () => {
  const clock = createFrozenClock();
  const receiver = await startHostileServer();
  const secret = `whsec_${Buffer.from('a secret of the webhooks').toString('base64')}`;
  const simulator = await startSimulator(
    {
      batches: {
        turnaround: { minMs: 60_000, maxMs: 60_000 },
        script: ['completed', 'failed', 'expired'],
        webhooks: { url: receiver.url, secret, duplicateShare: 1 },
      },
    },
    clock,
  );
  const provider = createNativeProvider(
    'p',
    { dialect: 'openai', baseUrl: simulator.url, apiKey: null, batchApi: 'openai' },
    { clock },
  );
  const ids: string[] = [];
  for (let batch = 0; batch < 3; batch += 1) {
    const input = inputFor('openai', [{ messages: [{ role: 'user', content: 'Hello' }] }]);
    const made = await provider.create(
      { ...input, model: 'gpt-4o-mini' },
      must(await provider.upload({ ...input, model: 'gpt-4o-mini' }, NEVER)),
      NEVER,
    );
    ids.push(must(made).id);
  }
  const heard: ProviderWebhook[] = [];
  for (let hour = 0; hour < 25; hour += 1) {
    const before = receiver.requests.length;
    await simulator.advance(hour < 1 ? 90_000 : 3_600_000);
    for (const { headers, body } of receiver.requests.slice(before)) {
      const sentAtMs = Number(headers['webhook-timestamp']) * 1_000;
      heard.push(readProviderWebhook(headers, body, secret, sentAtMs));
      expect(readProviderWebhook(headers, body, `${secret}BB`, sentAtMs).kind).toBe('refused');
    }
  }
  await provider.close();
  await simulator.close();
  await receiver.close();
  const batches = heard.filter((event) => event.kind === 'batch');
  expect(batches).toHaveLength(heard.length);
  expect(new Set(batches.map((event) => `${event.type} ${event.providerBatchId}`))).toEqual(
    new Set([`batch.completed ${ids[0]}`, `batch.failed ${ids[1]}`, `batch.expired ${ids[2]}`]),
  );
  expect(batches).toHaveLength(6);
  expect(new Set(batches.map(({ webhookId }) => webhookId)).size).toBe(3);
});
