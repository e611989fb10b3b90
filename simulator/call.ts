import type { FaultKind } from './faults.ts';
import type { Admission, BucketView, Dimension, PerDimension } from './limits.ts';
import type { ModelSettings, Settings } from './options.ts';

/** A run of prompt text; segments in order make up the prompt that a cache may recognise. */
export interface Segment {
  readonly role: string;
  readonly text: string;
  /** Anthropic `cache_control` after this segment: how long the prefix up to here lives. */
  readonly cacheTtlMs?: number | undefined;
}

/** What shape the answer must have. */
export type AnswerFormat =
  | { readonly kind: 'text' }
  | { readonly kind: 'json'; readonly schema: unknown }
  | {
      readonly kind: 'tool';
      readonly name: string;
      readonly schema: unknown;
      readonly finish: Finish;
    }
  /** No generated output, as for embeddings. */
  | { readonly kind: 'none' };

export type Finish = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/** One request to a model, read from its dialect and found valid. */
export interface Call {
  readonly model: string;
  readonly segments: readonly Segment[];
  /** As the answer's usage will report it. */
  readonly promptTokens: number;
  /** As admission estimates it before the work. */
  readonly estimateTokens: number;
  readonly maxOutputTokens: number | undefined;
  readonly choices: number;
  readonly tier: 'default' | 'flex';
  readonly format: AnswerFormat;
  readonly metadataKey: string | undefined;
  readonly userKey: string | undefined;
  /** How prompt caching applies to this dialect. */
  readonly caching: 'automatic' | 'breakpoints' | 'none';
  readonly contentType: 'application/json' | 'text/event-stream';
  readonly render: (answer: Answer) => string;
}

export interface Usage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
  readonly outputTokens: number;
}

/** What the model came up with, before a dialect puts it on the wire. */
export interface Answer {
  /** Unique to this answer; dialects prefix it. */
  readonly id: string;
  readonly createdAtMs: number;
  /** Null only by fault. A tool call carries its arguments here. */
  readonly text: string | null;
  readonly finish: Finish;
  readonly usage: Usage;
  readonly snapshot: string;
  /** Made as a row of a batch. */
  readonly isBatch?: boolean;
}

/** An error answer in no particular dialect. */
export interface Problem {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  /** Anthropic's `details.error_code`. */
  readonly detail?: string | undefined;
  /** No rate headers and no retry-after, as a proxy in between would answer. */
  readonly isBare?: boolean | undefined;
  /** The model whose quota this invalid request spends all the same. */
  readonly chargedTo?: string | undefined;
}

export function isProblem(value: Call | Problem): value is Problem {
  return 'status' in value;
}

/** Names and values in turn, ready for `writeHead`. */
export type FlatHeaders = readonly string[];

/** Bucket levels at one instant, by dimension. */
export type View = (dimension: Dimension) => BucketView | undefined;

export interface ReadContext {
  readonly settings: Settings;
  /** Settings of a model, or undefined when a list of models is configured without it. */
  model(name: string): ModelSettings | undefined;
}

/** One route that runs a model: how to read its body into a call. */
export interface Endpoint {
  read(body: unknown, context: ReadContext): Call | Problem;
}

/** The way one provider speaks: charges, headers and errors. */
export interface Dialect {
  /** What admission takes from the buckets; `cachedTokens` is the part of the prompt found warm. */
  charge(call: Call, model: ModelSettings, cachedTokens: number): PerDimension;
  /** What is charged, or given back, when the real usage is known; undefined: nothing. */
  settle(call: Call, charged: PerDimension, usage: Usage): PerDimension | undefined;
  /** Headers of every answer. */
  headers(requestId: string, settings: Settings, processingMs: number): FlatHeaders;
  rateHeaders(view: View, nowMs: number): FlatHeaders;
  retryHeaders(retryAfterMs: number): FlatHeaders;
  refusal(
    refused: Exclude<Admission, { kind: 'admitted' }>,
    model: string,
    view: View,
    settings: Settings,
  ): Problem;
  /** The error a fault answers with. */
  fault(kind: FaultKind, model: string): Problem;
  unauthorized(key: string | undefined): Problem;
  notJson(): Problem;
  tooLarge(): Problem;
  renderProblem(problem: Problem, requestId: string): string;
  /** Whether the headers show the levels after admission or those at the answer. */
  readonly levelsInHeaders: 'admission' | 'answer';
  /** Whether an invalid request (400) spends quota. */
  readonly invalidSpendsQuota: boolean;
}
