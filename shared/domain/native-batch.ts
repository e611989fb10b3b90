/** A provider's own batches, in words that are the same for every provider. */

import type { ErrorCode } from './errors.ts';
import type { TokenUsage } from './usage.ts';

/** How a provider's batch ended. `failed`: it was refused as a whole, and no row was run. */
export type NativeBatchEnd = 'completed' | 'failed' | 'expired' | 'cancelled';

/** A fault for which a provider refused a whole batch. */
export interface NativeBatchFault {
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
  /** `null` where the provider says nothing until the end. */
  readonly counts: {
    readonly total: number;
    readonly completed: number;
    readonly failed: number;
  } | null;
  /** Unit: ms since the epoch. */
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

/** One row of a batch's results. */
export type NativeRow =
  | {
      readonly kind: 'answered';
      readonly rowId: string;
      readonly statusCode: number;
      readonly requestId: string;
      /** The provider's answer as one line of JSON. */
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
  | { readonly kind: 'unfinished'; readonly rowId: string; readonly reason: string }
  /** Nothing that names a row. */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** What a provider takes in one batch. */
export interface NativeBatchLimits {
  readonly mostRows: number;
  /** Of the whole input, in UTF-8. */
  readonly mostBytes: number;
  /** What its ids of rows may look like. */
  readonly rowIdPattern: RegExp;
}
