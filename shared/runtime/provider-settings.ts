import { createProvider } from '../adapters/providers/create-provider.ts';
import { createNativeProvider } from '../adapters/providers/native/create-native-provider.ts';
import type { ProviderSettings } from '../adapters/providers/settings.ts';
import type { PenstockConfig, ProviderConfig } from '../contracts/config.ts';
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { CompletionProvider } from '../ports/completion-provider.ts';
import type { NativeBatchProvider } from '../ports/native-batch-provider.ts';
import { faultyConfig } from './config-document.ts';

/** What the dispatcher may have in flight towards one provider. */
const CONNECTIONS = 2_048;

/**
 * Makes the configured providers; none connects before its first call.
 *
 * @throws {AppError} `invalid_configuration` naming every setting that cannot be used.
 */
export function createProviders(
  config: PenstockConfig,
  source: string,
  clock: Clock,
): Map<string, CompletionProvider> {
  return createEach(config, source, (name, settings) => createProvider(name, settings, { clock }));
}

/**
 * Makes the batch sides of the configured providers; none connects before its first call.
 *
 * @throws {AppError} as above.
 */
export function createNativeProviders(
  config: PenstockConfig,
  source: string,
  clock: Clock,
): Map<string, NativeBatchProvider> {
  return createEach(config, source, (name, settings) =>
    createNativeProvider(name, settings, { clock }),
  );
}

function createEach<Side>(
  config: PenstockConfig,
  source: string,
  create: (name: string, settings: ProviderSettings) => Side,
): Map<string, Side> {
  const providers = new Map<string, Side>();
  const faults: string[] = [];
  for (const [name, provider] of config.providers) {
    try {
      providers.set(name, create(name, settingsOf(provider)));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length === 0) return providers;
  throw faultyConfig(
    source,
    faults.map((message) => ({ line: null, path: '', message })),
  );
}

function settingsOf(config: ProviderConfig): ProviderSettings {
  const { apiKey, headers, timeouts, baseUrl, apiVersion, organization, project } = config;
  const { batchApi, batchLimits } = config;
  const common = {
    apiKey: apiKey.kind === 'value' ? apiKey.value : null,
    headers,
    timeouts,
    connections: CONNECTIONS,
    batchLimits,
  };
  switch (config.dialect) {
    case 'openai':
      return {
        ...common,
        dialect: 'openai',
        baseUrl: baseUrl ?? undefined,
        organization: organization ?? undefined,
        project: project ?? undefined,
        batchApi: batchApi ?? undefined,
      };
    case 'azure-openai':
      return {
        ...common,
        dialect: 'azure-openai',
        baseUrl: baseUrl ?? '',
        apiVersion: apiVersion ?? undefined,
      };
    case 'anthropic':
      return {
        ...common,
        dialect: 'anthropic',
        baseUrl: baseUrl ?? undefined,
        apiVersion: apiVersion ?? undefined,
      };
  }
}
