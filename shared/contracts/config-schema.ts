/** The shape of penstock.yaml, before names are resolved. Every message ends in what to write instead. */

import * as z from 'zod';
import { SCOPES } from '../domain/api-key.ts';
import { MAX_RATE } from '../domain/cost/pricing.ts';
import { LANES } from '../domain/lanes/lane.ts';
import { VARIABLE_EXAMPLE } from './config-variables.ts';

/** Wire formats a provider may speak. */
export const DIALECTS = ['openai', 'anthropic', 'azure-openai'] as const;
export type Dialect = (typeof DIALECTS)[number];

/** Batch APIs that providers of the openai dialect have. */
const BATCH_APIS = ['openai', 'compatible', 'mistral'] as const;
export type BatchApi = (typeof BATCH_APIS)[number];

const MICRO_USD_PER_USD = 1_000_000;
const MAX_PRICE_USD = MAX_RATE / MICRO_USD_PER_USD;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const wholeAboveZero = (example: number) =>
  z.custom<number>((value) => Number.isSafeInteger(value) && Number(value) > 0, {
    error: `must be a whole number above 0, e.g. ${example}; leave the line out where there is no such limit`,
  });

const text = (what: string) => z.string({ error: `must be ${what}` }).min(1, `must be ${what}`);

const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

/** An object whose unknown keys are reported by the caller of the schema. */
const mapping = <Shape extends z.ZodRawShape>(shape: Shape, what: string) =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? undefined : `must be ${what}`),
  });

const httpUrl = z.custom<string>(
  (value) => {
    if (typeof value !== 'string' || !URL.canParse(value)) return false;
    const { protocol, username, password } = new URL(value);
    return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
  },
  {
    error:
      'must be an http(s) address without user and password, e.g. https://api.openai.com/v1; keys go under apiKey',
  },
);

const timeoutsSchema = mapping(
  {
    connectMs: wholeAboveZero(5_000).exactOptional(),
    headersMs: wholeAboveZero(600_000).exactOptional(),
    bodyIdleMs: wholeAboveZero(60_000).exactOptional(),
    totalMs: wholeAboveZero(600_000).exactOptional(),
    flexTotalMs: wholeAboveZero(900_000).exactOptional(),
  },
  'a mapping of connectMs, headersMs, bodyIdleMs, totalMs, flexTotalMs',
);

const batchLimitsSchema = mapping(
  {
    mostRows: wholeAboveZero(50_000).exactOptional(),
    mostBytes: wholeAboveZero(200_000_000).exactOptional(),
  },
  'a mapping of mostRows, mostBytes',
);

const headersSchema = z
  .record(z.string(), z.string({ error: 'must be text' }), {
    error: 'must be a mapping of header names to text',
  })
  .superRefine((headers, context) => {
    for (const name of Object.keys(headers)) {
      if (HEADER_NAME.test(name)) continue;
      context.addIssue({ code: 'custom', path: [name], message: 'is not a valid header name' });
    }
  });

export const providerSchema = mapping(
  {
    dialect: oneOf(DIALECTS),
    baseUrl: httpUrl.exactOptional(),
    apiKey: text(
      `a key: ${VARIABLE_EXAMPLE} to read it from the environment, or none for a server without keys`,
    ),
    webhookSecret: text(
      `the secret the provider signs its webhooks with, best as ${VARIABLE_EXAMPLE}`,
    ).exactOptional(),
    apiVersion: text('an API version such as 2024-10-21').exactOptional(),
    organization: text('an organization id').exactOptional(),
    project: text('a project id').exactOptional(),
    headers: headersSchema.exactOptional(),
    timeouts: timeoutsSchema.exactOptional(),
    batchApi: oneOf(BATCH_APIS).exactOptional(),
    batchLimits: batchLimitsSchema.exactOptional(),
  },
  'a mapping with at least dialect and apiKey',
);

const limitsSchema = mapping(
  {
    requestsPerMinute: wholeAboveZero(5_000).exactOptional(),
    tokensPerMinute: wholeAboveZero(4_000_000).exactOptional(),
    inputTokensPerMinute: wholeAboveZero(400_000).exactOptional(),
    outputTokensPerMinute: wholeAboveZero(80_000).exactOptional(),
    concurrency: wholeAboveZero(200).exactOptional(),
    batchQueueTokens: wholeAboveZero(40_000_000).exactOptional(),
  },
  'a mapping such as { requestsPerMinute: 5000, tokensPerMinute: 4000000 }',
);

const priceUsd = z.custom<number>(
  (value) => typeof value === 'number' && value >= 0 && value <= MAX_PRICE_USD,
  {
    error: `must be US dollars per million tokens, 0 to ${MAX_PRICE_USD}, e.g. 0.15`,
  },
);

const priceShare = z.custom<number>(
  (value) => typeof value === 'number' && value > 0 && value <= 1,
  {
    error: 'must be the share of the price that is paid, above 0 and up to 1, e.g. 0.5',
  },
);

const priceSchema = mapping(
  {
    input: priceUsd,
    output: priceUsd,
    cachedInput: priceUsd.exactOptional(),
    cacheWrite5m: priceUsd.exactOptional(),
    cacheWrite1h: priceUsd.exactOptional(),
    flexShare: priceShare.exactOptional(),
    nativeShare: priceShare.exactOptional(),
  },
  'a mapping with at least input and output, in US dollars per million tokens',
);

const lanesSchema = z
  .array(oneOf(LANES), { error: `must be a list of ${LANES.join(', ')}, e.g. [live, flex]` })
  .min(1, `must name at least one of ${LANES.join(', ')}`)
  .refine((lanes) => new Set(lanes).size === lanes.length, 'names a lane twice');

export const modelSchema = mapping(
  {
    provider: text('the name of a provider from the providers section').exactOptional(),
    providerModel: text('the name the provider knows the model by').exactOptional(),
    limits: limitsSchema.exactOptional(),
    lanes: lanesSchema.exactOptional(),
    price: priceSchema.exactOptional(),
    contextWindow: wholeAboveZero(128_000).exactOptional(),
    maxOutputTokens: wholeAboveZero(16_384).exactOptional(),
  },
  'a mapping such as { provider: openai, limits: { requestsPerMinute: 5000 } }',
);

const serverKeySchema = mapping(
  {
    key: text(`a key of at least 16 characters, best as ${VARIABLE_EXAMPLE}`).min(
      16,
      'must be at least 16 characters long',
    ),
    tenant: z
      .string({ error: 'must be a name such as team-a' })
      .regex(NAME, 'must be a name such as team-a: letters, digits, and . _ - inside'),
    scopes: z
      .array(oneOf(SCOPES), { error: `must be a list of ${SCOPES.join(', ')}` })
      .min(1, `must name at least one of ${SCOPES.join(', ')}`)
      .exactOptional(),
  },
  'a mapping of key and tenant, and scopes where it may do more or less than read and write',
);

const portNumber = z.custom<number>(
  (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535,
  { error: 'must be a port, 1 to 65535' },
);

export const serverSchema = mapping(
  {
    host: text('a host name or address, e.g. 127.0.0.1').exactOptional(),
    port: z
      .custom<number>(
        (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535,
        { error: 'must be a port, 0 to 65535; 0 takes any free one' },
      )
      .exactOptional(),
    apiKeys: z
      .array(serverKeySchema, { error: 'must be a list of { key, tenant }' })
      .min(1, 'must name at least one key; leave the section out to accept any on loopback')
      .exactOptional(),
    webhooks: mapping(
      {
        ports: z
          .array(portNumber, { error: 'must be a list of ports, e.g. [443, 8443]' })
          .min(1, 'must name at least one port, e.g. [443]')
          .exactOptional(),
        loopback: z.boolean({ error: 'must be true or false' }).exactOptional(),
      },
      'a mapping of ports and loopback',
    ).exactOptional(),
  },
  'a mapping of host, port, apiKeys, webhooks',
);

const named = <Entry extends z.ZodType>(entry: Entry, what: string) =>
  z.record(z.string(), entry, { error: `must be a mapping of names to ${what}` });

export const configSchema = mapping(
  {
    providers: named(providerSchema, 'providers').superRefine((providers, context) => {
      for (const name of Object.keys(providers)) {
        if (NAME.test(name)) continue;
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is not a provider name: use letters, digits, and . _ - inside',
        });
      }
      if (Object.keys(providers).length > 0) return;
      context.addIssue({ code: 'custom', message: 'must name at least one provider' });
    }),
    models: named(modelSchema, 'models').exactOptional(),
    server: serverSchema.exactOptional(),
  },
  'a mapping with a providers section',
);

export type ConfigShape = z.output<typeof configSchema>;
export type ProviderShape = z.output<typeof providerSchema>;
export type ModelShape = z.output<typeof modelSchema>;
export type PriceShape = z.output<typeof priceSchema>;
