import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../shared/contracts/config.ts';
import { loadModels } from '../../../shared/runtime/configured-models.ts';
import { createProviders } from '../../../shared/runtime/provider-settings.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function read(document: object) {
  const parsed = parseConfig(document, {
    environment: {},
    needsKeys: true,
    hasSecretStore: false,
  });
  if (parsed.kind === 'faulty') throw new Error(JSON.stringify(parsed.faults));
  return parsed.config;
}

const models = (document: object, concurrency?: number) =>
  loadModels(read(document), { source: 'test', concurrency });

const OPENAI = { dialect: 'openai', apiKey: 'k' };
const CLAUDE = { dialect: 'anthropic', apiKey: 'k' };
const AZURE = { dialect: 'azure-openai', apiKey: 'k', baseUrl: 'https://a.openai.azure.com' };
const LOCAL = { dialect: 'openai', apiKey: 'none', baseUrl: 'http://127.0.0.1:8000/v1' };

describe('loadModels', () => {
  it('completes a configured model from the catalog, and lets the configuration win', async () => {
    const known = await models({
      providers: { openai: OPENAI },
      models: { 'gpt-4o-mini': { limits: { requestsPerMinute: 7 }, maxOutputTokens: 99 } },
    });
    expect(known.get('gpt-4o-mini')).toMatchObject({
      provider: 'openai',
      providerModel: 'gpt-4o-mini',
      charging: 'at_admission',
      limits: { perMinute: { requests: 7 } },
      contextWindow: 128_000,
      maxOutputTokens: 99,
      price: { live: { input: 150_000, output: 600_000 } },
    });
  });

  it('resolves what the catalog knows to the vendor that has it', async () => {
    const known = await models({ providers: { mine: LOCAL, openai: OPENAI, claude: CLAUDE } });
    expect(known.get('gpt-4o-mini-2024-07-18')).toMatchObject({ provider: 'openai' });
    expect(known.get('openai/gpt-4o-mini')).toMatchObject({
      provider: 'openai',
      providerModel: 'gpt-4o-mini',
    });
    expect(known.get('claude-haiku-4-5')).toMatchObject({
      provider: 'claude',
      charging: 'as_produced',
    });
    expect(known.has('gpt-5-mini')).toBe(true);
    expect([...known.keys()]).toContain('gpt-5-mini');
  });

  it('never sends a vendor’s model to somebody else’s server', async () => {
    const known = await models({ providers: { mine: LOCAL } });
    expect(known.get('gpt-4o-mini')).toBeUndefined();
    expect(known.explainUnknown('gpt-4o-mini')).toMatch(/set OPENAI_API_KEY/);
    expect(known.explainUnknown('claude-haiku-4-5')).toMatch(/set ANTHROPIC_API_KEY/);
  });

  it('says what an unknown name may have meant', async () => {
    const known = await models({
      providers: { mine: LOCAL },
      models: { 'llama-3-8b': {} },
    });
    expect(known.get('llama-3-8b')).toMatchObject({ provider: 'mine', price: null });
    expect(known.explainUnknown('llama-3-8B')).toMatch(/Did you mean "llama-3-8b"/);
    expect(known.explainUnknown('zzz')).toMatch(/neither configured nor in the catalog/);
  });

  it('prices an Azure deployment by its model', async () => {
    const known = await models({
      providers: { azure: AZURE },
      models: { chat: { provider: 'azure', providerModel: 'gpt-4o-mini' } },
    });
    expect(known.get('chat')?.price?.live.input).toBeGreaterThan(0);
    expect(known.get('chat')?.lanes).not.toContain('flex');
  });

  it('asks for the provider where it does not follow', async () => {
    const document = { providers: { a: LOCAL, b: LOCAL }, models: { 'llama-3': {} } };
    await expect(models(document)).rejects.toThrow(/models\.llama-3 names no provider.*a or b/);
  });

  it('lets the command line set the concurrency of all', async () => {
    const known = await models({ providers: { openai: OPENAI } }, 3);
    expect(known.get('gpt-4o-mini')?.limits).toEqual({ perMinute: {}, concurrency: 3 });
  });
});

describe('createProviders', () => {
  it('names every setting that cannot be used', () => {
    const config = read({
      providers: {
        a: { ...OPENAI, headers: { authorization: 'x' } },
        b: { ...LOCAL, baseUrl: 'http://127.0.0.1/?x=1' },
        c: OPENAI,
      },
    });
    const create = () => createProviders(config, 'penstock.yaml', new FakeClock());
    expect(create).toThrow(/penstock\.yaml has 2 faults/);
    expect(create).toThrow(/providers\.a\.headers\.authorization/);
    expect(create).toThrow(/providers\.b\.baseUrl/);
  });
});
