import { createNativeProvider } from '../../../shared/adapters/providers/native/create-native-provider.ts';
import type { ProviderSettings } from '../../../shared/adapters/providers/settings.ts';
import { type BatchProviderUnderTest, describeNativeBatchProvider } from './suite.ts';

/** The adapters only read the time; they never sleep. */
const CLOCK = { nowMs: () => Date.now(), sleep: () => Promise.resolve() };
const API_KEY = 'sk-right-and-secret-0123456789';

type Variant = Pick<BatchProviderUnderTest, 'title' | 'endpoint' | 'model' | 'bodyOf'> &
  Partial<Pick<BatchProviderUnderTest, 'hasFiles' | 'hasMark' | 'options'>> & {
    settings(baseUrl: string): ProviderSettings;
  };

const chat = (row: number) => ({
  model: 'ours',
  messages: [{ role: 'user', content: `Which colour has the sky? [id:row-${row}]` }],
  max_completion_tokens: 20,
});
const azure =
  (apiVersion?: string) =>
  (baseUrl: string): ProviderSettings => ({
    dialect: 'azure-openai',
    baseUrl,
    apiVersion,
    apiKey: API_KEY,
  });

const AZURE: BatchProviderUnderTest['options'] = {
  quirks: ['capital_status', 'null_counts', 'empty_error_file', 'value_list'],
};

const variants: Variant[] = [
  {
    title: 'openai, chat completions',
    endpoint: '/v1/chat/completions',
    model: 'gpt-4o-mini',
    bodyOf: chat,
    settings: (baseUrl) => ({ dialect: 'openai', baseUrl, apiKey: API_KEY, batchApi: 'openai' }),
  },
  {
    title: 'openai, responses',
    endpoint: '/v1/responses',
    model: 'gpt-4o-mini',
    bodyOf: (row) => ({ model: 'ours', input: `Hello. [id:row-${row}]`, max_output_tokens: 20 }),
    settings: (baseUrl) => ({ dialect: 'openai', baseUrl, apiKey: API_KEY, batchApi: 'openai' }),
  },
  {
    title: 'openai, embeddings',
    endpoint: '/v1/embeddings',
    model: 'text-embedding-3-small',
    bodyOf: (row) => ({ model: 'ours', input: `The sky is blue. [id:row-${row}]` }),
    settings: (baseUrl) => ({ dialect: 'openai', baseUrl, apiKey: API_KEY, batchApi: 'openai' }),
  },
  {
    title: 'compatible, blank ids of files',
    endpoint: '/v1/chat/completions',
    model: 'gpt-4o-mini',
    bodyOf: chat,
    options: { quirks: ['blank_error_file_id'] },
    settings: (baseUrl) => ({ dialect: 'openai', baseUrl: `${baseUrl}/v1`, apiKey: API_KEY }),
  },
  {
    title: 'azure, v1 routes',
    endpoint: '/v1/chat/completions',
    model: 'gpt-4o-mini',
    bodyOf: chat,
    options: AZURE,
    settings: azure(),
  },
  {
    title: 'azure, dated version',
    endpoint: '/v1/chat/completions',
    model: 'gpt-4o-mini',
    bodyOf: chat,
    options: AZURE,
    settings: azure('2024-10-21'),
  },
  {
    title: 'anthropic, message batches',
    endpoint: '/v1/messages',
    model: 'claude-haiku-4-5',
    bodyOf: (row) => ({
      model: 'ours',
      messages: [{ role: 'user', content: `Which colour has the sky? [id:row-${row}]` }],
      max_tokens: 20,
    }),
    hasFiles: false,
    hasMark: false,
    settings: (baseUrl) => ({ dialect: 'anthropic', baseUrl, apiKey: API_KEY }),
  },
];

for (const { settings, ...variant } of variants) {
  describeNativeBatchProvider({
    hasFiles: true,
    hasMark: true,
    ...variant,
    apiKey: API_KEY,
    create: (url, apiKey = API_KEY) =>
      createNativeProvider('under-test', { ...settings(url), apiKey }, { clock: CLOCK }),
  });
}
