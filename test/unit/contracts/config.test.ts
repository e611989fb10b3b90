import { describe, expect, it } from 'vitest';
import { type PenstockConfig, parseConfig } from '../../../shared/contracts/config.ts';

const ENVIRONMENT = { OPENAI_API_KEY: 'sk-from-environment', CLAUDE_KEY: 'sk-ant' };
const OPENAI = { dialect: 'openai', apiKey: `\${OPENAI_API_KEY}` };

function faultsOf(document: unknown, environment = ENVIRONMENT, needsKeys = true): string[] {
  const parsed = parseConfig(document, { environment, needsKeys, hasSecretStore: false });
  if (parsed.kind === 'valid') return [];
  return parsed.faults.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

function configOf(document: unknown, needsKeys = true): PenstockConfig {
  const parsed = parseConfig(document, {
    environment: ENVIRONMENT,
    needsKeys,
    hasSecretStore: false,
  });
  if (parsed.kind === 'faulty') throw new Error(JSON.stringify(parsed.faults));
  return parsed.config;
}

const withModel = (model: unknown) => ({ providers: { openai: OPENAI }, models: { m: model } });
const withLimits = (limits: unknown) => withModel({ provider: 'openai', limits });
const withServer = (server: unknown) => ({ providers: { openai: OPENAI }, server });

describe('parseConfig', () => {
  it('reads every field of a full configuration', () => {
    const config = configOf({
      providers: {
        openai: {
          ...OPENAI,
          organization: 'org',
          project: 'proj',
          webhookSecret: 'whsec_from-openai',
          timeouts: { totalMs: 5_000 },
          batchApi: 'compatible',
          batchLimits: { mostRows: 10 },
        },
        claude: { dialect: 'anthropic', apiKey: `\${CLAUDE_KEY}`, headers: { 'x-team': 'a' } },
        azure: {
          dialect: 'azure-openai',
          baseUrl: 'https://a.openai.azure.com',
          apiKey: 'literal',
        },
        local: { dialect: 'openai', baseUrl: 'http://127.0.0.1:8000/v1', apiKey: 'none' },
      },
      models: {
        m: {
          provider: 'openai',
          providerModel: 'gpt-4o-mini',
          limits: {
            requestsPerMinute: 500,
            tokensPerMinute: 2_000_000,
            inputTokensPerMinute: 3,
            outputTokensPerMinute: 4,
            concurrency: 20,
            batchQueueTokens: 9,
          },
          lanes: ['live', 'flex'],
          price: { input: 0.15, output: 0.6, flexShare: 0.5 },
          contextWindow: 1_000,
          maxOutputTokens: 100,
        },
      },
      server: {
        host: '0.0.0.0',
        port: 0,
        apiKeys: [{ key: 'k'.repeat(16), tenant: 'team-a' }],
        webhooks: { ports: [443, 8_443], loopback: true },
      },
    });
    expect(config.providers.get('openai')).toMatchObject({
      apiKey: { kind: 'value', value: 'sk-from-environment', variable: 'OPENAI_API_KEY' },
      organization: 'org',
      project: 'proj',
      webhookSecret: { kind: 'value', value: 'whsec_from-openai', variable: null },
      timeouts: { totalMs: 5_000 },
      batchApi: 'compatible',
      batchLimits: { mostRows: 10 },
    });
    expect(config.providers.get('claude')?.headers).toEqual({ 'x-team': 'a' });
    expect(config.providers.get('azure')?.apiKey).toEqual({
      kind: 'value',
      value: 'literal',
      variable: null,
    });
    expect(config.providers.get('local')?.apiKey).toEqual({ kind: 'none' });
    expect(config.models.get('m')).toMatchObject({
      providerModel: 'gpt-4o-mini',
      limits: {
        perMinute: { requests: 500, totalTokens: 2_000_000, inputTokens: 3, outputTokens: 4 },
        concurrency: 20,
      },
      batchQueueTokens: 9,
      lanes: ['live', 'flex'],
      price: { live: { input: 150_000, output: 600_000 }, flex: { input: 75_000 } },
    });
    expect(config.server).toEqual({
      host: '0.0.0.0',
      port: 0,
      apiKeys: [{ key: 'k'.repeat(16), tenant: 'team-a', scopes: ['read', 'write'] }],
      webhookTargets: { ports: [443, 8_443], allowsLoopback: true },
    });
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '5000', null, true])(
    'refuses %s as a limit',
    (limit) => {
      const faults = faultsOf(withLimits({ requestsPerMinute: limit, concurrency: limit }));
      expect(faults).toHaveLength(2);
      expect(faults[0]).toMatch(
        /^models\.m\.limits\.requestsPerMinute: must be a whole number above 0.*found/,
      );
    },
  );

  it("sends webhooks to port 443 of public addresses, and takes no provider's, unless told", () => {
    const { providers, server } = configOf({ providers: { openai: OPENAI } });
    expect(server.webhookTargets).toEqual({ ports: [443], allowsLoopback: false });
    expect(providers.get('openai')?.webhookSecret).toBeNull();
  });

  it('shows no secret of webhooks, and wants one from the environment only where it is used', () => {
    const withSecret = (webhookSecret: unknown) => ({
      providers: { openai: { ...OPENAI, webhookSecret } },
    });
    const [fault = ''] = faultsOf(withSecret(['canary']));
    expect(fault).toMatch(/webhookSecret: must be the secret/);
    expect(fault).not.toContain('canary');
    expect(faultsOf(withSecret('secretsmanager:penstock/hook'))[0]).toMatch(
      /webhookSecret: refers to AWS Secrets Manager/,
    );
    expect(faultsOf(withSecret(`\${UNSET_SECRET}`))[0]).toMatch(/UNSET_SECRET/);
    expect(faultsOf(withSecret(`\${UNSET_SECRET}`), ENVIRONMENT, false)).toEqual([]);
  });

  it('names every fault at once', () => {
    const faults = faultsOf({
      providers: { openai: { dialect: 'opnai', apiKey: `\${NOT_SET}` } },
      models: { m: { provider: 'openia', limits: { tokensPerMinute: 0 } } },
      server: { port: 70_000 },
    });
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'providers.openai.apiKey',
      'providers.openai.dialect',
      'models.m.limits.tokensPerMinute',
      'server.port',
      'models.m.provider',
    ]);
  });

  it.each([
    [
      { providers: { openai: OPENAI }, modles: {} },
      /^modles: is not known\. Did you mean "models"/,
    ],
    [
      { providers: { openai: { ...OPENAI, baseURL: 'https://x' } } },
      /^providers\.openai\.baseURL: is not known\. Did you mean "baseUrl"/,
    ],
    [
      withLimits({ requestPerMinute: 5 }),
      /^models\.m\.limits\.requestPerMinute: is not known\. Did you mean "requestsPerMinute"/,
    ],
    [
      withLimits({ rpm: 5 }),
      /^models\.m\.limits\.rpm: is not known here; known are requestsPerMinute,/,
    ],
    [
      withServer({ apiKeys: [{ key: 'k'.repeat(16), tenant: 'a', role: 'x' }] }),
      /apiKeys\.0\.role/,
    ],
  ])('refuses unknown keys and says what was meant: %j', (document, expected) => {
    expect(faultsOf(document)).toEqual([expect.stringMatching(expected)]);
  });

  it.each([
    [null, /must be a mapping with a providers section; found null/],
    [{}, /^providers: is missing/],
    [{ providers: {} }, /^providers: must name at least one provider/],
    [{ providers: { 'a b': OPENAI } }, /is not a provider name/],
    [{ providers: { openai: null } }, /must be a mapping with at least dialect/],
    [{ providers: { openai: { dialect: 'openai' } } }, /^providers\.openai\.apiKey: is missing/],
    [
      { providers: { az: { dialect: 'azure-openai', apiKey: 'k' } } },
      /^providers\.az\.baseUrl: is missing; azure-openai has no default/,
    ],
    [
      { providers: { o: { ...OPENAI, baseUrl: 'api.openai.com' } } },
      /must be an http\(s\) address/,
    ],
    [{ providers: { o: { ...OPENAI, headers: { 'a b': 'c' } } } }, /is not a valid header name/],
    [{ providers: { o: { ...OPENAI, timeouts: { totalMs: -1 } } } }, /timeouts\.totalMs/],
    [
      { providers: { c: { dialect: 'anthropic', apiKey: 'k', organization: 'o' } } },
      /organization: is only for dialect openai/,
    ],
    [
      { providers: { c: { dialect: 'anthropic', apiKey: 'k', batchApi: 'mistral' } } },
      /batchApi: is only for dialect openai/,
    ],
    [
      { providers: { o: { dialect: 'openai', apiKey: 'secretsmanager:prod/key' } } },
      /refers to AWS Secrets Manager.*on one machine write/,
    ],
    [withModel({ provider: 'openai', lanes: [] }), /must name at least one of live, flex, native/],
    [withModel({ provider: 'openai', lanes: ['live', 'live'] }), /names a lane twice/],
    [withModel({ provider: 'openai', lanes: ['fast'] }), /must be one of live, flex, native/],
    [withModel({ provider: 'openai', price: { input: -1, output: 1 } }), /US dollars per million/],
    [withModel({ provider: 'openai', price: { input: 1 } }), /price\.output: is missing/],
    [withModel({ provider: 'openai', contextWindow: 0 }), /contextWindow: must be a whole number/],
    [
      {
        providers: { c: { dialect: 'anthropic', apiKey: 'k' } },
        models: { m: { provider: 'c', lanes: ['flex'] } },
      },
      /names flex, which Anthropic does not offer/,
    ],
    [withServer({ port: 1.5 }), /server\.port: must be a port/],
    [withServer({ apiKeys: [] }), /must name at least one key/],
    [withServer({ apiKeys: [{ key: 'short', tenant: 'a' }] }), /at least 16 characters/],
  ])('refuses %j', (document, expected) => {
    expect(faultsOf(document)).toEqual([expect.stringMatching(expected)]);
  });

  it('names an unset variable with the remedy, once', () => {
    const document = { providers: { o: { ...OPENAI, baseUrl: `\${BASE}` } } };
    expect(faultsOf(document, { OPENAI_API_KEY: '', CLAUDE_KEY: '' })).toEqual([
      'providers.o.apiKey: environment variable OPENAI_API_KEY is not set; set it: export OPENAI_API_KEY=...',
      'providers.o.baseUrl: environment variable BASE is not set; set it: export BASE=...',
    ]);
  });

  it('does without keys where nothing is sent', () => {
    const document = { providers: { o: { dialect: 'openai', apiKey: `\${NOT_SET}` } } };
    expect(configOf(document, false).providers.get('o')?.apiKey).toEqual({
      kind: 'unset',
      variable: 'NOT_SET',
    });
    expect(faultsOf(document)).toHaveLength(1);
  });

  it('never repeats a secret', () => {
    const faults = faultsOf({
      providers: {
        a: { dialect: 'openai', apiKey: ['sk-secret-1'] },
        b: {
          dialect: 'openai',
          apiKey: 'none',
          headers: { authorization: 5, 'x y': 'sk-secret-2' },
        },
        c: { dialect: 'openai', apiKey: 'none', baseUrl: 'https://user:sk-secret-3@host' },
      },
      server: { apiKeys: [{ key: 'sk-secret-4', tenant: 'a' }] },
    }).join('\n');
    expect(faults).toMatch(/providers\.a\.apiKey/);
    expect(faults).toMatch(/providers\.b\.headers/);
    expect(faults).toMatch(/providers\.c\.baseUrl/);
    expect(faults).not.toMatch(/sk-secret/);
  });
});
