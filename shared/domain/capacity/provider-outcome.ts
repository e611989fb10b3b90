/** What one call to a provider came to, in words that are the same for every provider. */

import type { TokenUsage } from '../cost/usage.ts';
import type { ErrorCode } from '../errors.ts';

/** Limits a provider may count, apart from concurrency. */
export const DIMENSIONS = ['requests', 'inputTokens', 'outputTokens', 'totalTokens'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** One limit as a provider's answer states it. Absent fields were absent on the wire. */
export interface WindowSignal {
  /** Unit: units per window. */
  readonly limit?: number;
  /** Left after this call was admitted. Unit: units. */
  readonly remaining?: number;
  /** Time until the bucket is full again. Unit: ms. */
  readonly resetMs?: number;
}

/** All that an answer says about rate limits. */
export interface RateSignals {
  readonly windows: Partial<Record<Dimension, WindowSignal>>;
  /** When to come back, as the provider asks. Unit: ms from now. */
  readonly retryAfterMs?: number;
}

export interface ProviderAnswer {
  readonly kind: 'answered';
  readonly statusCode: number;
  readonly requestId: string;
  /** The provider's JSON body as one line: valid JSON without line breaks. */
  readonly bodyJson: string;
  readonly usage: TokenUsage;
  /** `stop`, `length`, `tool_calls`, ... as the provider says; `null` where it says nothing. */
  readonly finishReason: string | null;
  readonly signals: RateSignals;
}

export interface ProviderFailure {
  readonly kind: 'failed';
  /** Decides what happens next: see `ERROR_DISPOSITIONS`. */
  readonly code: ErrorCode;
  /** The provider's own words, or ours when no answer came. Capped, without secrets. */
  readonly message: string;
  /** 0 when no HTTP answer came. */
  readonly statusCode: number;
  readonly requestId: string;
  /** The provider's error body as one line of JSON, when it was JSON. */
  readonly bodyJson: string | null;
  /** Which limit refused the call, when the provider says so. */
  readonly throttledBy: Dimension | 'concurrency' | null;
  /** True when the provider may have done and billed the work although we got no answer. */
  readonly isAmbiguous: boolean;
  readonly signals: RateSignals;
}

export type ProviderOutcome = ProviderAnswer | ProviderFailure;
