import { AzureOpenAI, NotFoundError, RateLimitError } from 'openai';
import { expect, test } from 'vitest';
import type { Simulator } from '../../../simulator/server.ts';
import { chat, post, rejection, start } from './harness.ts';

const azureClient = (simulator: Simulator, apiKey = 'azure-key') =>
  new AzureOpenAI({
    endpoint: simulator.url,
    apiKey,
    apiVersion: '2024-10-21',
    deployment: 'my-mini',
    maxRetries: 0,
  });

test('the Azure SDK reaches a deployment by its name and reads resets in whole seconds', async () => {
  const simulator = await start({
    apiKeys: ['azure-key'],
    models: { 'my-mini': { snapshot: 'gpt-4o-mini-2024-07-18' } },
    limits: { requestsPerMinute: 60, tokensPerMinute: 6_000 },
  });
  const { data, response } = await azureClient(simulator)
    .chat.completions.create(chat('az', { model: 'ignored' }))
    .withResponse();
  expect(data.model).toBe('gpt-4o-mini-2024-07-18');
  expect(data.choices[0]?.message.content).toContain('[id:az]');
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'x-ratelimit-remaining-requests': '59',
    'x-ratelimit-reset-requests': '1',
    'apim-request-id': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-/),
  });
  expect(simulator.stats().models['my-mini']?.served).toBe(1);
});

test('an unknown deployment, a wrong key and an empty bucket are answered in its own words', async () => {
  const simulator = await start({
    apiKeys: ['azure-key'],
    models: { other: {}, 'my-mini': { limits: { requestsPerMinute: 1 } } },
  });
  const missing = await post(
    simulator,
    '/openai/deployments/none/chat/completions?api-version=1',
    chat('a'),
    { 'api-key': 'azure-key' },
  );
  expect(missing.status).toBe(404);
  expect(await missing.json()).toMatchObject({ error: { code: 'DeploymentNotFound' } });

  const denied = await rejection(azureClient(simulator, 'x').chat.completions.create(chat('a')));
  expect(denied).toMatchObject({ status: 401, code: '401' });

  await azureClient(simulator).chat.completions.create(chat('a'));
  const refused = await rejection(azureClient(simulator).chat.completions.create(chat('b')));
  expect(refused).toBeInstanceOf(RateLimitError);
  expect(refused).toMatchObject({
    code: '429',
    message: expect.stringMatching(/exceeded call rate limit .* retry after 60 seconds/),
  });
});

test('the older route needs an api-version, the newer one takes the model from the body', async () => {
  const simulator = await start();
  const old = await post(simulator, '/openai/deployments/my-mini/chat/completions', chat('a'));
  expect(old.status).toBe(404);
  expect(await old.json()).toEqual({ error: { code: '404', message: 'Resource not found' } });
  const current = await post(simulator, '/openai/v1/chat/completions', chat('b'));
  expect(current.status).toBe(200);
  expect(current.headers.get('openai-version')).toBeNull();
});

test('embeddings have deployments too', async () => {
  const client = new AzureOpenAI({
    endpoint: (await start()).url,
    apiKey: 'k',
    apiVersion: '2024-10-21',
    deployment: 'embed',
    maxRetries: 0,
  });
  const answer = await client.embeddings.create({ model: 'embed', input: 'alpha' });
  expect(answer.data[0]?.embedding).toHaveLength(1_536);
  expect(await rejection(client.responses.create({ model: 'embed', input: 'x' }))).toBeInstanceOf(
    NotFoundError,
  );
});
