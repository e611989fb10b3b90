import { z } from 'zod';
import { type BatchSettings, batchesSchema, resolveBatches } from './batches/options.ts';
import type { FaultRule } from './faults.ts';
import { compileLimits, type LimitSettings, type ModelLimits } from './limits.ts';
import { faultsSchema, type Latency, latencySchema, positive } from './option-parts.ts';
import { LIST_PRICES, type PriceTable } from './prices.ts';

const limit = z.number().int().positive().nullable().optional();

const limitsSchema = z.strictObject({
  requestsPerMinute: limit,
  requestsPerDay: limit,
  tokensPerMinute: limit,
  inputTokensPerMinute: limit,
  outputTokensPerMinute: limit,
  concurrency: limit,
  depthSeconds: positive.max(3_600).nullable().optional(),
  quantumMs: z.number().int().positive().max(60_000).nullable().optional(),
  refusalCostsRequest: z.boolean().optional(),
  charge: z.enum(['max', 'sum', 'prompt']).optional(),
});

const modelSchema = z.strictObject({
  limits: limitsSchema.optional(),
  latency: latencySchema.optional(),
  contextWindow: z.number().int().positive().optional(),
  maxOutputTokens: z.number().int().positive().optional(),
  snapshot: z.string().min(1).optional(),
  enqueuedTokens: z.number().int().positive().nullable().optional(),
});

const priceSchema = z.strictObject({
  input: z.number().int().min(0),
  cachedInput: z.number().int().min(0),
  output: z.number().int().min(0),
  cacheWrite5m: z.number().int().min(0).optional(),
  cacheWrite1h: z.number().int().min(0).optional(),
});

const optionsSchema = z.strictObject({
  host: z.string().min(1).optional(),
  port: z.number().int().min(0).max(65_535).optional(),
  seed: z.number().int().optional(),
  organization: z.string().min(1).optional(),
  apiKeys: z.array(z.string().min(1)).min(1).nullable().optional(),
  models: z.record(z.string().min(1), modelSchema).nullable().optional(),
  limits: limitsSchema.optional(),
  latency: latencySchema.optional(),
  output: z
    .strictObject({
      p50Share: positive.optional(),
      p95Share: positive.optional(),
      typicalMaxTokens: z.number().int().positive().optional(),
    })
    .optional(),
  tokens: z
    .strictObject({
      charsPerToken: positive.optional(),
      estimate: z.enum(['plain', 'header-fit']).optional(),
    })
    .optional(),
  contextWindow: z.number().int().positive().optional(),
  maxOutputTokens: z.number().int().positive().optional(),
  rateHeaders: z.enum(['all', 'retry-after', 'none']).optional(),
  cache: z
    .strictObject({
      enabled: z.boolean().optional(),
      minTokens: z.number().int().positive().optional(),
      ttlSeconds: positive.optional(),
    })
    .optional(),
  faults: faultsSchema.optional(),
  prices: z.record(z.string().min(1), priceSchema).optional(),
  flexPriceFactor: z.number().min(0).optional(),
  flexLatencyFactor: z.number().min(0).optional(),
  batches: batchesSchema.optional(),
  clock: z.enum(['system', 'frozen', 'running']).optional(),
  requestKey: z
    .strictObject({
      sources: z.array(z.enum(['header', 'metadata', 'prompt', 'user'])).optional(),
      pattern: z
        .string()
        .refine(isPatternWithGroup, 'must be a regular expression with one capture group')
        .optional(),
    })
    .optional(),
});

/** Everything a caller may say of a simulated provider; see simulator/README.md for the meanings. */
export type SimulatorOptions = z.input<typeof optionsSchema>;
type CheckedOptions = z.output<typeof optionsSchema>;

type ChargeRule = 'max' | 'sum' | 'prompt';
type KeySource = 'header' | 'metadata' | 'prompt' | 'user';

export interface ModelSettings {
  readonly limits: ModelLimits;
  readonly charge: ChargeRule;
  readonly latency: Latency;
  /** Undefined: the dialect's usual window. */
  readonly contextWindow: number | undefined;
  readonly maxOutputTokens: number | undefined;
  /** The dated name answers carry; undefined: the name the request used. */
  readonly snapshot: string | undefined;
  /** Most prompt tokens of unfinished batches; undefined: no limit. */
  readonly enqueuedTokens: number | undefined;
}

/** Options with every default applied and every limit compiled. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly organization: string;
  /** Undefined: any key, or none, will do. */
  readonly apiKeys: ReadonlySet<string> | undefined;
  /** Undefined: any model name will do, under the default settings. */
  readonly models: ReadonlyMap<string, ModelSettings> | undefined;
  readonly anyModel: ModelSettings;
  readonly output: {
    readonly p50Share: number;
    readonly p95Share: number;
    readonly typicalMaxTokens: number;
  };
  readonly charsPerToken: number;
  readonly estimate: 'plain' | 'header-fit';
  readonly rateHeaders: 'all' | 'retry-after' | 'none';
  readonly cache: {
    readonly enabled: boolean;
    readonly minTokens: number;
    readonly ttlMs: number;
  };
  readonly faults: readonly FaultRule[];
  readonly prices: PriceTable;
  readonly flexPriceFactor: number;
  readonly flexLatencyFactor: number;
  readonly batches: BatchSettings;
  readonly keySources: readonly KeySource[];
  readonly keyPattern: RegExp;
}

/** Says every fault of the given options at once, with the path of each. */
export class InvalidOptionsError extends Error {
  override readonly name = 'InvalidOptionsError';
}

/** @throws {InvalidOptionsError} when an option is unknown or out of range. */
export function checkOptions(options: unknown): CheckedOptions {
  const result = optionsSchema.safeParse(options);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const path = issue.path.join('.');
    return `  ${path === '' ? '(top level)' : path}: ${issue.message}`;
  });
  throw new InvalidOptionsError(`Invalid simulator options:\n${lines.join('\n')}`);
}

/** Lays a patch over options: groups and models are merged, everything else replaced. */
export function mergeOptions(base: SimulatorOptions, patch: SimulatorOptions): SimulatorOptions {
  const merged: SimulatorOptions = { ...base, ...patch };
  if (patch.limits) merged.limits = { ...base.limits, ...patch.limits };
  if (patch.output) merged.output = { ...base.output, ...patch.output };
  if (patch.tokens) merged.tokens = { ...base.tokens, ...patch.tokens };
  if (patch.cache) merged.cache = { ...base.cache, ...patch.cache };
  if (patch.batches) merged.batches = { ...base.batches, ...patch.batches };
  if (patch.requestKey) merged.requestKey = { ...base.requestKey, ...patch.requestKey };
  if (patch.models && base.models) {
    merged.models = { ...base.models };
    for (const [name, model] of Object.entries(patch.models)) {
      const before = base.models[name];
      merged.models[name] = {
        ...before,
        ...model,
        limits: { ...before?.limits, ...model.limits },
      };
    }
  }
  return merged;
}

/** Applies defaults. A model's own limits are laid over the common ones. */
export function resolveOptions(options: CheckedOptions): Settings {
  const { limits = {}, latency = { p50Ms: 800, p95Ms: 1_770 } } = options;
  const resolveModel = (model: z.output<typeof modelSchema>): ModelSettings => {
    const { charge, ...merged } = { ...limits, ...model.limits };
    const stated: LimitSettings = merged;
    return {
      limits: compileLimits(stated),
      charge: charge ?? 'max',
      latency: model.latency ?? latency,
      contextWindow: model.contextWindow ?? options.contextWindow,
      maxOutputTokens: model.maxOutputTokens ?? options.maxOutputTokens,
      snapshot: model.snapshot,
      enqueuedTokens: model.enqueuedTokens ?? options.batches?.enqueuedTokens ?? undefined,
    };
  };
  const { models, output, tokens, cache, requestKey } = options;
  return {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    seed: options.seed ?? 1,
    organization: options.organization ?? 'org-simulator',
    apiKeys: options.apiKeys ? new Set(options.apiKeys) : undefined,
    models: models
      ? new Map(Object.entries(models).map(([name, model]) => [name, resolveModel(model)]))
      : undefined,
    anyModel: resolveModel({}),
    output: {
      p50Share: output?.p50Share ?? 0.65,
      p95Share: output?.p95Share ?? 0.85,
      typicalMaxTokens: output?.typicalMaxTokens ?? 256,
    },
    charsPerToken: tokens?.charsPerToken ?? 4,
    estimate: tokens?.estimate ?? 'plain',
    rateHeaders: options.rateHeaders ?? 'all',
    cache: {
      enabled: cache?.enabled ?? true,
      minTokens: cache?.minTokens ?? 1_024,
      ttlMs: (cache?.ttlSeconds ?? 300) * 1_000,
    },
    faults: options.faults ?? [],
    prices: { ...LIST_PRICES, ...options.prices },
    flexPriceFactor: options.flexPriceFactor ?? 0.5,
    flexLatencyFactor: options.flexLatencyFactor ?? 1,
    batches: resolveBatches(options.batches ?? {}),
    keySources: requestKey?.sources ?? ['header', 'metadata', 'prompt'],
    keyPattern: new RegExp(requestKey?.pattern ?? '\\[id:([^\\]\\s]{1,128})\\]', 'g'),
  };
}

function isPatternWithGroup(source: string): boolean {
  try {
    return (new RegExp(`${source}|`).exec('')?.length ?? 0) === 2;
  } catch {
    return false;
  }
}
