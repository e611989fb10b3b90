import { parseConfig } from '../../../shared/contracts/config.ts';
import { type ConfiguredModels, loadModels } from '../../../shared/runtime/configured-models.ts';

/** Models as a configuration gives them; by default one OpenAI and one Anthropic provider. */
export async function testModels(models: object = {}): Promise<ConfiguredModels> {
  const document = {
    providers: {
      openai: { dialect: 'openai', apiKey: 'k' },
      claude: { dialect: 'anthropic', apiKey: 'k' },
    },
    models,
  };
  const parsed = parseConfig(document, {
    environment: {},
    needsKeys: true,
    hasSecretStore: false,
  });
  if (parsed.kind === 'faulty') throw new Error(JSON.stringify(parsed.faults));
  return loadModels(parsed.config, { source: 'test' });
}

/** One OpenAI batch line. */
export function batchLine(customId: string, body: object = {}, line: object = {}): string {
  return JSON.stringify({
    custom_id: customId,
    method: 'POST',
    url: '/v1/chat/completions',
    body: {
      model: 'gpt-4o-mini',
      max_tokens: 50,
      messages: [{ role: 'user', content: `Question ${customId}` }],
      ...body,
    },
    ...line,
  });
}
