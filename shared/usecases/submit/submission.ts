/** What a call submits, and what it is judged by. */

import type { Dialect } from '../../contracts/config-schema.ts';
import type { Principal } from '../../domain/api-key.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Lane } from '../../domain/lanes/lane.ts';
import type { Endpoint } from '../../domain/requests/request.ts';

export type Body = Readonly<Record<string, unknown>>;

/** One request as its caller wants it run. */
export interface Submission {
  /** The same key with the same request is accepted once; `null` accepts it anew each time. */
  readonly idempotencyKey: string | null;
  readonly customId: string | null;
  readonly model: string;
  readonly endpoint: Endpoint;
  /** The provider's request body; its `model`, where present, is the same. */
  readonly body: Body;
  /** How long the caller is willing to wait; `null` for as long as it takes. Unit: ms. */
  readonly completionWindowMs: number | null;
  readonly lane: Lane | null;
  readonly priority: number;
  readonly tags: readonly string[];
}

/** On whose account something is submitted. */
export type Caller = Pick<Principal, 'tenant' | 'monthlyBudgetMicroUsd'>;

/** What holds for all submissions of a call. */
export interface SubmitOptions {
  /** With it the whole call may be sent again: the same submissions name the same requests. */
  readonly callKey?: string | null;
  /** Batch that all of them belong to. */
  readonly batchId?: string | null;
  /**
   * When they count as submitted, so that a call sent again says the same. Unit: ms since the epoch.
   * @default now
   */
  readonly asOfMs?: number;
}

/** The models requests may name. */
export interface ModelDirectory {
  get(name: string): ModelSettings | undefined;
  values(): Iterable<ModelSettings>;
  /** The wire format a model's provider speaks. */
  dialectOf(model: ModelSettings): Dialect | undefined;
  /** Why a model cannot be used, and what would make it usable. */
  explainUnknown(name: string): string;
}

/** How large a request is, or why it can never fit. */
export type MeasureRequest = (
  endpoint: Endpoint,
  model: ModelSettings,
  body: Body,
) => Promise<
  | {
      readonly kind: 'fits';
      readonly inputTokens: number;
      readonly maxOutputTokens: number;
      /** False where `maxOutputTokens` is an assumption. @default true */
      readonly hasOutputBound?: boolean;
    }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
>;
