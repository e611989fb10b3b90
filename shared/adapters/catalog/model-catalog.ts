import type { LaneRates, ModelPrice, TokenRates } from '../../domain/cost/pricing.ts';
import {
  countingFor,
  type ModelOverride,
  type ModelSpec,
  nameReadings,
  overrideSpec,
  undatedName,
} from '../../domain/sizes/model-spec.ts';
import type { ModelCatalog } from '../../ports/model-catalog.ts';
import type { CatalogEntry, CatalogFile, RateRow } from './catalog-file.ts';

/**
 * Opens the vendored table, read on the first call only. An override wins over the table for
 * requests of exactly that name.
 */
export async function loadModelCatalog(
  overrides: Readonly<Record<string, ModelOverride>> = {},
): Promise<ModelCatalog> {
  const { default: file } = await import('./models.json', { with: { type: 'json' } });
  return createModelCatalog(file, overrides);
}

/** A catalog over a table in the vendored format. Specs are built when first asked for. */
export function createModelCatalog(
  file: CatalogFile,
  overrides: Readonly<Record<string, ModelOverride>> = {},
): ModelCatalog {
  const entries = new Map(Object.entries(file.models));
  const known = new Map<string, ModelSpec>();
  let newestSnapshots: Map<string, string> | undefined;

  function find(model: string): ModelSpec {
    const remembered = known.get(model);
    if (remembered !== undefined) return remembered;
    const override = Object.hasOwn(overrides, model) ? overrides[model] : undefined;
    const spec =
      override === undefined
        ? fromTable(model)
        : overrideSpec(fromTable(override.sameAs ?? model), model, override);
    // Names come from requests: a caller who invents them must not fill the memory.
    if (known.size >= 1000) known.clear();
    known.set(model, spec);
    return spec;
  }

  function fromTable(model: string): ModelSpec {
    for (const { name, isFineTuned } of nameReadings(model)) {
      const entry = entries.get(name) ?? newestSnapshotOf(name);
      if (entry !== undefined) return toSpec(model, entry, file.asOf, isFineTuned);
    }
    return { name: model, counting: countingFor(model) };
  }

  function newestSnapshotOf(name: string): CatalogEntry | undefined {
    newestSnapshots ??= indexSnapshots(entries.keys());
    const snapshot = newestSnapshots.get(name);
    return snapshot === undefined ? undefined : entries.get(snapshot);
  }

  return { find };
}

function indexSnapshots(names: Iterable<string>): Map<string, string> {
  const newest = new Map<string, string>();
  for (const name of names) {
    const base = undatedName(name);
    if (base !== name && name > (newest.get(base) ?? '')) newest.set(base, name);
  }
  return newest;
}

function toSpec(name: string, entry: CatalogEntry, asOf: string, isFineTuned: boolean): ModelSpec {
  const price = isFineTuned ? undefined : toPrice(entry);
  return {
    name,
    counting: countingFor(name),
    ...(entry.window === undefined ? {} : { contextWindow: entry.window }),
    ...(entry.maxInput === undefined ? {} : { maxInputTokens: entry.maxInput }),
    ...(entry.maxOutput === undefined ? {} : { maxOutputTokens: entry.maxOutput }),
    ...(price === undefined ? {} : { price, priceAsOf: asOf }),
  };
}

function toPrice(entry: CatalogEntry): ModelPrice | undefined {
  const rates = toLaneRates(entry);
  if (rates === undefined) return undefined;
  const long = entry.long === undefined ? undefined : toLaneRates(entry.long);
  if (entry.long === undefined || long === undefined) return rates;
  return { ...rates, longContext: { aboveInputTokens: entry.long.above, rates: long } };
}

function toLaneRates(rows: {
  readonly live?: RateRow;
  readonly flex?: RateRow;
  readonly native?: RateRow;
}): LaneRates | undefined {
  const live = toRates(rows.live);
  if (live === undefined) return undefined;
  const flex = toRates(rows.flex);
  const native = toRates(rows.native);
  return {
    live,
    ...(flex === undefined ? {} : { flex }),
    ...(native === undefined ? {} : { native }),
  };
}

function toRates(row: RateRow | undefined): TokenRates | undefined {
  if (row === undefined) return undefined;
  const [input, output, cachedInput, cacheWrite5m, cacheWrite1h] = row;
  if (
    input === undefined ||
    output === undefined ||
    cachedInput === undefined ||
    cacheWrite5m === undefined ||
    cacheWrite1h === undefined
  ) {
    return undefined;
  }
  return { input, output, cachedInput, cacheWrite5m, cacheWrite1h };
}
