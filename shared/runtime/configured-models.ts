import { loadModelCatalog } from '../adapters/catalog/model-catalog.ts';
import { closestName } from '../contracts/closest-name.ts';
import type { ModelConfig, PenstockConfig, ProviderConfig } from '../contracts/config.ts';
import type { Dialect } from '../contracts/config-schema.ts';
import type { ModelSettings } from '../domain/capacity/model-limits.ts';
import type { Lane } from '../domain/lanes/lane.ts';
import type { ModelOverride, ModelSpec } from '../domain/sizes/model-spec.ts';
import type { ModelCatalog } from '../ports/model-catalog.ts';
import { faultyConfig } from './config-document.ts';

export interface LoadModelsOptions {
  /** Stands for the concurrency of every model. */
  readonly concurrency?: number | undefined;
  /** Names the configuration in errors. */
  readonly source: string;
}

/** Completes a configuration from the catalog. */
export async function loadModels(
  config: PenstockConfig,
  options: LoadModelsOptions,
): Promise<ConfiguredModels> {
  const table = await loadModelCatalog();
  const names = new Map<string, ModelName>();
  for (const [name, model] of config.models) {
    const provider = model.provider ?? soleProvider(config) ?? ownerOf(name, table, config);
    if (provider === null) {
      const message = `names no provider, and none follows from its name; add provider: ${[...config.providers.keys()].join(' or ')}`;
      throw faultyConfig(options.source, [{ line: null, path: `models.${name}`, message }]);
    }
    names.set(name, { provider, providerModel: model.providerModel ?? name });
  }
  const overrides: Record<string, ModelOverride> = {};
  for (const [name, model] of config.models) {
    overrides[name] = overrideOf(name, model, names.get(name), table, config);
  }
  const catalog = await loadModelCatalog(overrides);
  return new ConfiguredModels(config, names, catalog, options.concurrency);
}

interface ModelName {
  readonly provider: string;
  readonly providerModel: string;
}

/**
 * Every model requests may name: those configured, and any the catalog knows whose provider is
 * configured. Those are completed when first asked for, so iterating shows what is in use.
 */
export class ConfiguredModels extends Map<string, ModelSettings> {
  readonly catalog: ModelCatalog;
  readonly #config: PenstockConfig;
  readonly #concurrency: number | undefined;

  constructor(
    config: PenstockConfig,
    names: ReadonlyMap<string, ModelName>,
    catalog: ModelCatalog,
    concurrency: number | undefined,
  ) {
    super();
    this.#config = config;
    this.catalog = catalog;
    this.#concurrency = concurrency;
    for (const [name, owner] of names) this.set(name, this.#complete(name, owner));
  }

  override get(name: string): ModelSettings | undefined {
    const known = super.get(name);
    if (known !== undefined) return known;
    const provider = ownerOf(name, this.catalog, this.#config);
    if (provider === null) return undefined;
    const settings = this.#complete(name, { provider, providerModel: plainName(name, provider) });
    this.set(name, settings);
    return settings;
  }

  override has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The wire format a model's provider speaks. */
  dialectOf(model: ModelSettings): Dialect | undefined {
    return this.#config.providers.get(model.provider)?.dialect;
  }

  /** Why a model cannot be used, and what would make it usable. */
  explainUnknown(name: string): string {
    const shown = JSON.stringify(name.slice(0, 80));
    const dialect = usualDialect(name, this.catalog);
    if (dialect !== null && isKnown(this.catalog.find(name))) {
      const variable = dialect === 'anthropic' ? 'ANTHROPIC_API_KEY' : 'OPENAI_API_KEY';
      return `model ${shown} needs a provider that is not configured; set ${variable}, or name the model under models in penstock.yaml`;
    }
    const closest = closestName(name, this.keys());
    const hint = closest === null ? '' : ` Did you mean ${JSON.stringify(closest)}?`;
    return `model ${shown} is neither configured nor in the catalog; name it under models in penstock.yaml.${hint}`;
  }

  #complete(name: string, { provider, providerModel }: ModelName): ModelSettings {
    const configured = this.#config.models.get(name);
    const spec = this.catalog.find(name);
    const dialect = this.#config.providers.get(provider)?.dialect;
    const limits = configured?.limits ?? { perMinute: {} };
    return {
      name,
      provider,
      providerModel,
      charging: dialect === 'anthropic' ? 'as_produced' : 'at_admission',
      limits:
        this.#concurrency === undefined ? limits : { ...limits, concurrency: this.#concurrency },
      lanes: configured?.lanes ?? lanesOf(spec, dialect),
      price: spec.price ?? null,
      contextWindow: spec.contextWindow ?? null,
      maxOutputTokens: spec.maxOutputTokens ?? null,
    };
  }
}

function overrideOf(
  name: string,
  model: ModelConfig,
  owner: ModelName | undefined,
  table: ModelCatalog,
  config: PenstockConfig,
): ModelOverride {
  const providerModel = owner?.providerModel ?? name;
  const isAzure = owner && config.providers.get(owner.provider)?.dialect === 'azure-openai';
  const candidates = [
    ...(isAzure ? [`azure/${providerModel}`, `azure/${name}`] : []),
    providerModel,
    `${owner?.provider ?? ''}/${providerModel}`,
    name,
  ];
  const sameAs = candidates.find((candidate) => isKnown(table.find(candidate)));
  return {
    ...(sameAs === undefined ? {} : { sameAs }),
    ...(model.contextWindow === null ? {} : { contextWindow: model.contextWindow }),
    ...(model.maxOutputTokens === null ? {} : { maxOutputTokens: model.maxOutputTokens }),
    ...(model.price === null ? {} : { price: model.price }),
  };
}

/** The configured provider that a catalog model belongs to, or `null`. */
function ownerOf(name: string, catalog: ModelCatalog, config: PenstockConfig): string | null {
  if (!isKnown(catalog.find(name))) return null;
  const prefix = name.slice(0, name.indexOf('/') + 1).slice(0, -1);
  if (prefix !== '' && config.providers.has(prefix)) return prefix;
  const dialect = usualDialect(name, catalog);
  if (dialect === null) return null;
  const isVendor = ([provider, { dialect: spoken, baseUrl }]: [string, ProviderConfig]): boolean =>
    spoken === dialect && (provider === dialect || baseUrl === null);
  const vendors = [...config.providers].filter(isVendor).map(([provider]) => provider);
  return vendors.find((provider) => provider === dialect) ?? vendors[0] ?? null;
}

/** Whose own model it is, as far as the name tells. */
function usualDialect(name: string, catalog: ModelCatalog): 'openai' | 'anthropic' | null {
  if (/^(anthropic\/)?claude/.test(name)) return 'anthropic';
  const isOpenAi = catalog.find(name).counting.isExact && /^(openai\/)?[^/]+$/.test(name);
  return isOpenAi ? 'openai' : null;
}

function plainName(name: string, provider: string): string {
  for (const prefix of [`${provider}/`, 'openai/', 'anthropic/']) {
    if (name.startsWith(prefix)) return name.slice(prefix.length);
  }
  return name;
}

function soleProvider({ providers }: PenstockConfig): string | null {
  const [only] = providers.keys();
  return providers.size === 1 && only !== undefined ? only : null;
}

function isKnown({ contextWindow, maxOutputTokens, price }: ModelSpec): boolean {
  return contextWindow !== undefined || maxOutputTokens !== undefined || price !== undefined;
}

function lanesOf({ price }: ModelSpec, dialect: Dialect | undefined): Lane[] {
  return [
    'live',
    ...(price?.flex !== undefined && dialect === 'openai' ? (['flex'] as const) : []),
    ...(price?.native !== undefined ? (['native'] as const) : []),
  ];
}
