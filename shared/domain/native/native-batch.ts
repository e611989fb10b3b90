/** A provider's own batches, in words that are the same for every provider. */

import type { CacheRules } from '../caching/cache-priming.ts';
import type { TokenUsage } from '../cost/usage.ts';
import type { ErrorCode } from '../errors.ts';

/**
 * How a provider's batch ended. `failed`: as a rule it was refused as a whole, and no row was run;
 * its outputs, where it has any, count all the same.
 */
export type NativeBatchEnd = 'completed' | 'failed' | 'expired' | 'cancelled';

/** A fault for which a provider refused a whole batch. */
export interface NativeBatchFault {
  /** The provider's own word, in lower case; `''` where it has none. */
  readonly code: string;
  readonly message: string;
  /** Of the input, from 1; `null` where the provider names none. */
  readonly line: number | null;
}

/** A provider's batch as it stands. */
export interface NativeBatchView {
  /** The provider's name for it. */
  readonly id: string;
  /** `null` while it goes on. A status that is not known counts as going on. */
  readonly end: NativeBatchEnd | null;
  /** The provider's own word. */
  readonly rawStatus: string;
  readonly isCancelling: boolean;
  /**
   * `null` where the provider says nothing. Anthropic's are 0 until the end, except the total,
   * which tells its batches apart when one is to be adopted.
   */
  readonly counts: {
    readonly total: number;
    readonly completed: number;
    readonly failed: number;
  } | null;
  /** Where the provider does not say: when we heard of it. Unit: ms since the epoch. */
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  /** Where the rows are, once it has ended: files or addresses, any number of them, also none. */
  readonly outputs: readonly string[];
  readonly faults: readonly NativeBatchFault[];
  /** The job it was made for, where the provider keeps such a note. */
  readonly jobId: string | null;
  readonly inputFileId: string | null;
  /** When the provider wants to be asked again. Unit: ms from now. */
  readonly retryAfterMs: number | null;
}

/** One row of a batch's results. Ids are passed on as they came: also those nobody asked for. */
export type NativeRow =
  | {
      readonly kind: 'answered';
      readonly rowId: string;
      readonly statusCode: number;
      readonly requestId: string;
      /** The provider's answer as one line of JSON, every value as it was written. */
      readonly bodyJson: string;
      readonly usage: TokenUsage;
      readonly finishReason: string | null;
    }
  /** The provider ran, or judged, the row, and this is its verdict. */
  | {
      readonly kind: 'failed';
      readonly rowId: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly statusCode: number;
      readonly requestId: string;
      readonly bodyJson: string | null;
    }
  /** Not run, and not billed: expired, cancelled, or lost by the provider. */
  | {
      readonly kind: 'unfinished';
      readonly rowId: string;
      readonly reason: 'expired' | 'cancelled' | 'lost';
    }
  /** Nothing that names a row. */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** What a provider takes in one batch. */
export interface NativeBatchLimits {
  readonly mostRows: number;
  /** Of the whole input, in UTF-8. */
  readonly mostBytes: number;
  /** What a row takes besides its body, at most, in UTF-8. */
  readonly rowOverheadBytes: number;
  /** What its ids of rows may look like. */
  readonly rowIdPattern: RegExp;
  /**
   * How its prompt cache works for a model, where it has to be told what to keep. By the model's
   * name at the provider. @default it caches by itself, or not at all
   */
  readonly cacheOf?: (model: string) => CacheRules;
}

/**
 * A row's id: the nonce of its job and its place, safe for every provider. Anthropic keeps no note
 * of a job; there only the ids of the rows tell whose batch it is.
 */
export function nativeRowId(jobNonce: string, row: number): string {
  return `${jobNonce}_${row}`;
}

const ROW_ID = /^([a-zA-Z0-9-]{1,48})_(\d{1,9})$/;

/** Job and place of a row, or `null` where the id is none of ours. */
export function readNativeRowId(rowId: string): { jobNonce: string; row: number } | null {
  const [, jobNonce, row] = ROW_ID.exec(rowId) ?? [];
  return jobNonce === undefined || row === undefined ? null : { jobNonce, row: Number(row) };
}

/**
 * Lists and look-ups of a provider lag behind its creates, some by minutes. Until then a batch that
 * is not found counts as going on, afterwards as deleted behind our back. Unit: ms.
 */
const SLOWEST_APPEARANCE_MS = 300_000;

/** True while a batch that its provider does not find may only not have appeared yet. */
export function isYetToAppear(createdAtMs: number, nowMs: number): boolean {
  return nowMs - createdAtMs < SLOWEST_APPEARANCE_MS;
}
