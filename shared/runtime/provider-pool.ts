import type { PenstockConfig, ProviderConfig } from '../contracts/config.ts';
import type { ProviderStop } from '../domain/capacity/provider-stop.ts';
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { CompletionProvider } from '../ports/completion-provider.ts';
import type { NativeBatchProvider } from '../ports/native-batch-provider.ts';
import { createNativeProviders, createProviders } from './provider-settings.ts';
import type { Deployment } from './stored-config.ts';

export interface ProviderPool<Side> {
  readonly providers: ReadonlyMap<string, Side>;
  /** Those that cannot be called, with the remedy. */
  readonly unusable: readonly ProviderStop[];
  /** Closes sockets. */
  close(): Promise<void>;
}

export interface ProviderPoolDeps {
  /** The value of a secret. Rejects when there is none, or it may not be read. */
  readonly readSecret: (name: string) => Promise<string>;
  readonly clock: Clock;
}

/**
 * The providers of a configuration with their keys. One whose key cannot be had is left out and
 * named; the others work. Made for one invocation: sockets do not outlive the freeze after it.
 */
export function openProviders(
  deployment: Deployment,
  deps: ProviderPoolDeps,
): Promise<ProviderPool<CompletionProvider>> {
  return openSides(deployment, deps, createProviders);
}

/** The same of their batch sides. */
export function openNativeProviders(
  deployment: Deployment,
  deps: ProviderPoolDeps,
): Promise<ProviderPool<NativeBatchProvider>> {
  return openSides(deployment, deps, createNativeProviders);
}

async function openSides<Side extends { close(): Promise<void> }>(
  { config, source }: Deployment,
  { readSecret, clock }: ProviderPoolDeps,
  create: (config: PenstockConfig, source: string, clock: Clock) => ReadonlyMap<string, Side>,
): Promise<ProviderPool<Side>> {
  const usable = new Map<string, ProviderConfig>();
  const unusable: ProviderStop[] = [];
  await Promise.all(
    [...config.providers].map(async ([name, provider]) => {
      const resolved = await withKey(name, provider, readSecret);
      if ('code' in resolved) unusable.push(resolved);
      else usable.set(name, resolved);
    }),
  );
  const resolvedConfig: PenstockConfig = { ...config, providers: usable };
  const providers = create(resolvedConfig, source, clock);
  return {
    providers,
    unusable,
    async close() {
      await Promise.all([...providers.values()].map((provider) => provider.close()));
    },
  };
}

async function withKey(
  name: string,
  provider: ProviderConfig,
  readSecret: ProviderPoolDeps['readSecret'],
): Promise<ProviderConfig | ProviderStop> {
  const { apiKey } = provider;
  switch (apiKey.kind) {
    case 'none':
    case 'value':
      return provider;
    case 'unset':
      return missing(
        name,
        `Its key is to come from ${apiKey.variable}, which functions do not have. Name a secret in penstock.yaml instead: apiKey: "secretsmanager:NAME"`,
      );
    case 'secret':
      try {
        const value = (await readSecret(apiKey.name)).trim();
        if (value !== '') return { ...provider, apiKey: { kind: 'value', value, variable: null } };
        return missing(name, `The secret ${apiKey.name} is empty. Put the provider's key there`);
      } catch (error) {
        return missing(name, remedyOf(error, apiKey.name));
      }
  }
}

function remedyOf(error: unknown, secret: string): string {
  if (error instanceof AppError) return error.message;
  const reason = error instanceof Error ? error.name : 'unknown fault';
  return `The secret ${secret} cannot be read (${reason}). It is read again within a minute`;
}

function missing(provider: string, message: string): ProviderStop {
  return { provider, code: 'provider_auth_failed', message };
}
