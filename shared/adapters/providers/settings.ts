/** What a provider's section of the configuration comes to, once read and checked for shape. */

import type { NativeBatchLimits } from '../../domain/native/native-batch.ts';

/** How long each phase of a call may take. */
export interface ProviderTimeouts {
  /** To open a connection, TLS included. Unit: ms. @default 10000 */
  readonly connectMs: number;
  /**
   * From the request to the head of its answer; a provider that does not stream is silent while it
   * works. Kept to about half a second. Unit: ms. @default 600000
   */
  readonly headersMs: number;
  /** Longest silence within a body. Kept to about half a second. Unit: ms. @default 60000 */
  readonly bodyIdleMs: number;
  /** For the whole call, the wait for a free connection included. Unit: ms. @default 600000 */
  readonly totalMs: number;
  /** Stands for `headersMs` and `totalMs` in the flex lane. Unit: ms. @default 900000 */
  readonly flexTotalMs: number;
}

export const DEFAULT_TIMEOUTS: ProviderTimeouts = {
  connectMs: 10_000,
  headersMs: 600_000,
  bodyIdleMs: 60_000,
  totalMs: 600_000,
  flexTotalMs: 900_000,
};

export const DEFAULT_CONNECTIONS = 1_000;

/** Largest answer taken, after decompression. Unit: bytes. */
export const DEFAULT_MAX_ANSWER_BYTES = 32 * 1_024 * 1_024;

interface CommonSettings {
  /** `null`, or the word `none`, sends no key. */
  readonly apiKey: string | null;
  /** Extra request headers; only names that cannot replace ours are allowed. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Most sockets open at once. @default 1000 */
  readonly connections?: number | undefined;
  readonly timeouts?: Partial<ProviderTimeouts> | undefined;
  /** Of one call, or of one row of a batch. Unit: bytes. @default 33554432 */
  readonly maxAnswerBytes?: number | undefined;
  /** What the provider takes in one batch. @default as its documents say */
  readonly batchLimits?: Partial<Pick<NativeBatchLimits, 'mostRows' | 'mostBytes'>> | undefined;
}

/**
 * Which batch API an address of the OpenAI dialect has: OpenAI's own, with files that expire; the
 * same without what other vendors lack; or Mistral's.
 */
export type BatchApi = 'openai' | 'compatible' | 'mistral';

/** OpenAI, and everything that speaks its API. */
export interface OpenAiSettings extends CommonSettings {
  readonly dialect: 'openai';
  /** With or without `/v1`. @default https://api.openai.com/v1 */
  readonly baseUrl?: string | undefined;
  readonly organization?: string | undefined;
  readonly project?: string | undefined;
  /** @default by the host of `baseUrl`: openai.com, mistral.ai, or `compatible` for all others */
  readonly batchApi?: BatchApi | undefined;
}

export interface AzureOpenAiSettings extends CommonSettings {
  readonly dialect: 'azure-openai';
  /** The resource, e.g. `https://my-resource.openai.azure.com`. */
  readonly baseUrl: string;
  /** A dated version selects the deployment routes; without one the `/openai/v1` routes are used. */
  readonly apiVersion?: string | undefined;
}

export interface AnthropicSettings extends CommonSettings {
  readonly dialect: 'anthropic';
  /** @default https://api.anthropic.com */
  readonly baseUrl?: string | undefined;
  /** The `anthropic-version` header. @default 2023-06-01 */
  readonly apiVersion?: string | undefined;
}

export type ProviderSettings = OpenAiSettings | AzureOpenAiSettings | AnthropicSettings;
