/** From a provider's settings to its batch API. */

import type { Clock } from '../../../ports/clock.ts';
import type { NativeBatchProvider } from '../../../ports/native-batch-provider.ts';
import { checkSettings } from '../create-provider.ts';
import type { BatchApi, OpenAiSettings, ProviderSettings } from '../settings.ts';
import { StreamTransport } from '../stream-transport.ts';
import { HttpTransport } from '../transport.ts';
import { anthropicBatches } from './anthropic-batches.ts';
import { HttpNativeBatches } from './http-native-batches.ts';
import { mistralBatches } from './mistral-batches.ts';
import type { NativeDialect } from './native-dialect.ts';
import { azureBatches, compatibleBatches, openAiBatches } from './openai-batches.ts';

/** Calls are few and mostly one after the other. */
const CONNECTIONS = 8;

/**
 * Makes the batch side of a provider; no connection is opened before its first call.
 * @throws {AppError} `invalid_configuration`, naming the setting, when one cannot be used.
 */
export function createNativeProvider(
  name: string,
  settings: ProviderSettings,
  deps: { readonly clock: Clock },
): NativeBatchProvider {
  const checked = checkSettings(name, { ...settings, connections: CONNECTIONS });
  const dialect = dialectOf(settings);
  return new HttpNativeBatches({
    ...checked,
    name,
    native: { ...dialect, limits: { ...dialect.limits, ...settings.batchLimits } },
    transport: new HttpTransport(checked.wire),
    streams: new StreamTransport(checked.wire),
    clock: deps.clock,
  });
}

function dialectOf(settings: ProviderSettings): NativeDialect {
  switch (settings.dialect) {
    case 'openai':
      return OPENAI_SHAPES[settings.batchApi ?? apiOf(settings)]();
    case 'azure-openai':
      return azureBatches(settings);
    case 'anthropic':
      return anthropicBatches();
  }
}

const OPENAI_SHAPES: Readonly<Record<BatchApi, () => NativeDialect>> = {
  openai: openAiBatches,
  compatible: compatibleBatches,
  mistral: mistralBatches,
};

/** Which one an address speaks, where nobody says. */
function apiOf({ baseUrl }: OpenAiSettings): BatchApi {
  if (baseUrl === undefined) return 'openai';
  const { hostname } = new URL(baseUrl);
  if (/(?:^|\.)openai\.com$/.test(hostname)) return 'openai';
  return /(?:^|\.)mistral\.ai$/.test(hostname) ? 'mistral' : 'compatible';
}
