/** penstock.yaml: what a person writes, checked whole, with every fault named at once. */

import type { Scope } from '../domain/api-key.ts';
import type { ModelLimits } from '../domain/capacity/model-limits.ts';
import type { Dimension } from '../domain/capacity/provider-outcome.ts';
import { type ModelPrice, modelPrice } from '../domain/cost/pricing.ts';
import type { Lane } from '../domain/lanes/lane.ts';
import { DEFAULT_TARGET_POLICY, type TargetPolicy } from '../domain/webhooks/webhook-target.ts';
import { type ConfigFault, crossFaults, describeIssue, describeUnset } from './config-faults.ts';
import {
  type BatchApi,
  type ConfigShape,
  configSchema,
  type Dialect,
  type ModelShape,
  type PriceShape,
  type ProviderShape,
} from './config-schema.ts';
import {
  type Environment,
  fieldOf,
  fillVariables,
  secretName,
  variableOf,
} from './config-variables.ts';

/** Where a provider's key comes from. */
export type ApiKey =
  /** The server takes calls without one. */
  | { readonly kind: 'none' }
  /** `variable` names the environment variable it was read from, if it was. */
  | { readonly kind: 'value'; readonly value: string; readonly variable: string | null }
  /** To be read from a secret store at start. */
  | { readonly kind: 'secret'; readonly name: string }
  /** Its variable is unset, and nothing is going to be sent. */
  | { readonly kind: 'unset'; readonly variable: string };

/** Time limits of one call, where the defaults do not suit. */
export interface ProviderTimeouts {
  readonly connectMs?: number;
  /** Until the answer begins. */
  readonly headersMs?: number;
  /** Between two pieces of an answer. */
  readonly bodyIdleMs?: number;
  readonly totalMs?: number;
  /** Stands for `headersMs` and `totalMs` in the flex lane. */
  readonly flexTotalMs?: number;
}

/** One provider as configured. */
export interface ProviderConfig {
  readonly dialect: Dialect;
  /** `null` for the dialect's own. */
  readonly baseUrl: string | null;
  readonly apiKey: ApiKey;
  /** What the provider signs its webhooks with; `null` where it sends none. */
  readonly webhookSecret: ApiKey | null;
  readonly apiVersion: string | null;
  readonly organization: string | null;
  readonly project: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeouts: ProviderTimeouts;
  /** Which batch API it has; `null` leaves it to the address. */
  readonly batchApi: BatchApi | null;
  /** What it takes in one batch, where that is not what its documents say. */
  readonly batchLimits: { readonly mostRows?: number; readonly mostBytes?: number };
}

/** One model as configured; what is absent comes from the catalog. */
export interface ModelConfig {
  readonly provider: string | null;
  readonly providerModel: string | null;
  readonly limits: ModelLimits;
  /** Most prompt tokens the provider's batch queue holds; `null` when not stated. Unit: tokens. */
  readonly batchQueueTokens: number | null;
  readonly lanes: readonly Lane[] | null;
  readonly price: ModelPrice | null;
  readonly contextWindow: number | null;
  readonly maxOutputTokens: number | null;
}

/** A key named in the configuration. */
export interface ServerKey {
  readonly key: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
}

/** What a key may do that the configuration says nothing of. */
const USUAL_SCOPES: readonly Scope[] = ['read', 'write'];

/** How `penstock serve` listens, and who may call it. */
export interface ServerConfig {
  readonly host: string | null;
  readonly port: number | null;
  /** Empty: no key is asked for. */
  readonly apiKeys: readonly ServerKey[];
  /** Where webhooks may be sent. */
  readonly webhookTargets: TargetPolicy;
}

/** A configuration without faults. */
export interface PenstockConfig {
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly models: ReadonlyMap<string, ModelConfig>;
  readonly server: ServerConfig;
}

export interface ParseConfigOptions {
  readonly environment: Environment;
  /** False where nothing is sent, e.g. to plan: keys may then be missing. */
  readonly needsKeys: boolean;
  /** True where `secretsmanager:` references can be resolved. */
  readonly hasSecretStore: boolean;
}

export type ParsedConfig =
  | { readonly kind: 'valid'; readonly config: PenstockConfig }
  | { readonly kind: 'faulty'; readonly faults: readonly ConfigFault[] };

/** What may be missing where nothing is sent. */
const SECRETS: ReadonlySet<string | number> = new Set(['apiKey', 'webhookSecret']);

const MICRO_USD_PER_USD = 1_000_000;
const PER_MILLE = 1_000;

/** Checks a parsed document and reads it; nothing of it is used when anything is wrong with it. */
export function parseConfig(document: unknown, options: ParseConfigOptions): ParsedConfig {
  const filled = fillVariables(document, options.environment);
  const unset = filled.unset.filter(
    ({ path }) => options.needsKeys || !SECRETS.has(path.at(-1) ?? ''),
  );
  const result = configSchema.safeParse(filled.value);
  const faults = [
    ...unset.map(describeUnset),
    ...(result.success
      ? []
      : result.error.issues
          // A reference that was not filled in breaks other rules too; its cause is named already.
          .filter(({ path }) => !unset.some((one) => isSamePath(one.path, path)))
          .flatMap((issue) => describeIssue(issue, document))),
    ...crossFaults(filled.value, options.hasSecretStore),
  ];
  if (faults.length > 0 || !result.success) return { kind: 'faulty', faults };
  return { kind: 'valid', config: readConfig(result.data, document) };
}

function isSamePath(one: readonly PropertyKey[], other: readonly PropertyKey[]): boolean {
  return one.length === other.length && one.every((part, index) => part === other[index]);
}

function readConfig({ providers, models, server }: ConfigShape, document: unknown): PenstockConfig {
  const keyTexts = fieldOf(document, 'providers');
  return {
    providers: new Map(
      Object.entries(providers).map(([name, provider]) => {
        const variableIn = (key: string) => variableOf(fieldOf(fieldOf(keyTexts, name), key));
        return [name, readProvider(provider, variableIn)];
      }),
    ),
    models: new Map(Object.entries(models ?? {}).map(([name, model]) => [name, readModel(model)])),
    server: {
      host: server?.host ?? null,
      port: server?.port ?? null,
      apiKeys: (server?.apiKeys ?? []).map(({ scopes = USUAL_SCOPES, ...key }) => ({
        ...key,
        scopes,
      })),
      webhookTargets: {
        ports: server?.webhooks?.ports ?? DEFAULT_TARGET_POLICY.ports,
        allowsLoopback: server?.webhooks?.loopback ?? DEFAULT_TARGET_POLICY.allowsLoopback,
      },
    },
  };
}

function readProvider(
  provider: ProviderShape,
  variableIn: (key: string) => string | null,
): ProviderConfig {
  const { webhookSecret } = provider;
  return {
    dialect: provider.dialect,
    baseUrl: provider.baseUrl ?? null,
    apiKey: readApiKey(provider.apiKey, variableIn('apiKey')),
    webhookSecret:
      webhookSecret === undefined ? null : readApiKey(webhookSecret, variableIn('webhookSecret')),
    apiVersion: provider.apiVersion ?? null,
    organization: provider.organization ?? null,
    project: provider.project ?? null,
    headers: provider.headers ?? {},
    timeouts: provider.timeouts ?? {},
    batchApi: provider.batchApi ?? null,
    batchLimits: provider.batchLimits ?? {},
  };
}

function readApiKey(text: string, variable: string | null): ApiKey {
  if (text === 'none') return { kind: 'none' };
  const secret = secretName(text);
  if (secret !== null) return { kind: 'secret', name: secret };
  const unfilled = variableOf(text);
  return unfilled === null
    ? { kind: 'value', value: text, variable }
    : { kind: 'unset', variable: unfilled };
}

function readModel(model: ModelShape): ModelConfig {
  return {
    provider: model.provider ?? null,
    providerModel: model.providerModel ?? null,
    limits: readLimits(model.limits ?? {}),
    batchQueueTokens: model.limits?.batchQueueTokens ?? null,
    lanes: model.lanes ?? null,
    price: model.price === undefined ? null : readPrice(model.price),
    contextWindow: model.contextWindow ?? null,
    maxOutputTokens: model.maxOutputTokens ?? null,
  };
}

function readLimits(limits: NonNullable<ModelShape['limits']>): ModelLimits {
  const perMinute: Partial<Record<Dimension, number>> = {};
  if (limits.requestsPerMinute) perMinute.requests = limits.requestsPerMinute;
  if (limits.tokensPerMinute) perMinute.totalTokens = limits.tokensPerMinute;
  if (limits.inputTokensPerMinute) perMinute.inputTokens = limits.inputTokensPerMinute;
  if (limits.outputTokensPerMinute) perMinute.outputTokens = limits.outputTokensPerMinute;
  return limits.concurrency ? { perMinute, concurrency: limits.concurrency } : { perMinute };
}

function readPrice({ flexShare, nativeShare, ...usd }: PriceShape): ModelPrice {
  const { input, output, ...others } = usd;
  const rate = (perMillion: number): number => Math.round(perMillion * MICRO_USD_PER_USD);
  const { cachedInput = input, cacheWrite5m = input, cacheWrite1h = cacheWrite5m } = others;
  return modelPrice({
    input: rate(input),
    output: rate(output),
    cachedInput: rate(cachedInput),
    cacheWrite5m: rate(cacheWrite5m),
    cacheWrite1h: rate(cacheWrite1h),
    ...(flexShare ? { flexPerMille: Math.round(flexShare * PER_MILLE) } : {}),
    ...(nativeShare ? { nativePerMille: Math.round(nativeShare * PER_MILLE) } : {}),
  });
}
