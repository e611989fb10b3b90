import { createProvider } from '../../../shared/adapters/providers/create-provider.ts';
import type { ProviderSettings } from '../../../shared/adapters/providers/settings.ts';
import { describeCompletionProvider, type ProviderUnderTest } from './suite.ts';

/** The adapters only read the time; they never sleep. */
const CLOCK = { nowMs: () => Date.now(), sleep: () => Promise.resolve() };
const API_KEY = 'sk-right-and-secret-0123456789';
const MESSAGES = [
  { role: 'system', content: 'Answer in one word.' },
  { role: 'user', content: 'Which colour has the sky?' },
];
const PROMPT = { role: 'user', content: 'Which colour has the sky?' };

type Variant = Pick<ProviderUnderTest, 'title' | 'endpoint' | 'model' | 'body'> &
  Partial<Pick<ProviderUnderTest, 'dimensions' | 'canProbe'>> & {
    settings(baseUrl: string): ProviderSettings;
  };

const openAi =
  (path: string) =>
  (baseUrl: string): ProviderSettings => ({
    dialect: 'openai',
    baseUrl: `${baseUrl}${path}`,
    apiKey: API_KEY,
  });
const azure =
  (apiVersion?: string) =>
  (baseUrl: string): ProviderSettings => ({
    dialect: 'azure-openai',
    baseUrl,
    apiVersion,
    apiKey: API_KEY,
  });

const variants: Variant[] = [
  {
    title: 'openai, chat completions',
    endpoint: '/v1/chat/completions',
    model: 'gpt-4o-mini',
    body: { model: 'ours', messages: MESSAGES, max_completion_tokens: 20 },
    settings: openAi('/v1'),
  },
  {
    title: 'openai, responses, address without version',
    endpoint: '/v1/responses',
    model: 'gpt-4o-mini',
    body: { model: 'ours', input: 'Which colour has the sky?', max_output_tokens: 20 },
    settings: openAi('/'),
  },
  {
    title: 'openai, embeddings',
    endpoint: '/v1/embeddings',
    model: 'text-embedding-3-small',
    body: { model: 'ours', input: 'The sky is blue.' },
    settings: openAi('/v1/'),
  },
  {
    title: 'azure, v1 routes',
    endpoint: '/v1/chat/completions',
    model: 'gpt-4o-mini',
    body: { model: 'ours', messages: MESSAGES, max_completion_tokens: 20 },
    canProbe: false,
    settings: azure(),
  },
  {
    title: 'azure, deployment routes',
    endpoint: '/v1/chat/completions',
    model: 'gpt-4o-mini',
    body: { model: 'ours', messages: MESSAGES, max_completion_tokens: 20 },
    canProbe: false,
    settings: azure('2024-10-21'),
  },
  {
    title: 'anthropic, messages',
    endpoint: '/v1/messages',
    model: 'claude-haiku-4-5',
    body: { model: 'ours', system: 'Answer in one word.', messages: [PROMPT], max_tokens: 20 },
    dimensions: ['requests', 'inputTokens', 'outputTokens'],
    settings: (baseUrl) => ({ dialect: 'anthropic', baseUrl, apiKey: API_KEY }),
  },
];

for (const { settings, ...variant } of variants) {
  describeCompletionProvider({
    dimensions: ['requests', 'totalTokens'],
    canProbe: true,
    ...variant,
    apiKey: API_KEY,
    create: (url, { apiKey, totalMs }) => {
      const base = settings(url);
      return createProvider(
        'under-test',
        {
          ...base,
          apiKey: apiKey ?? base.apiKey,
          ...(totalMs === undefined ? {} : { timeouts: { totalMs } }),
        },
        { clock: CLOCK },
      );
    },
  });
}
