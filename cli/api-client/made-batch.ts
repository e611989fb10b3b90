/** A batch that was made through one of the vendors' APIs, as commands show it. */

import type * as z from 'zod';
import type { messageBatchSchema } from '../../shared/contracts/message-batches.ts';
import type { batchSchema } from '../../shared/contracts/openai-batches.ts';

export interface MadeBatch {
  /** As its API words it. */
  readonly state: string;
  readonly hasEnded: boolean;
  /** False where it failed by its input. */
  readonly isAccepted: boolean;
  /** Unit: ms since the epoch. */
  readonly expiresAtMs: number;
  /** Lines that could not become requests. */
  readonly refused: number;
  /** What it failed by. */
  readonly errors: readonly {
    readonly code: string;
    readonly message: string;
    readonly line: number | null;
  }[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

const ENDED = ['failed', 'completed', 'expired', 'cancelled', 'ended'];

export function ofBatch(batch: z.infer<typeof batchSchema>): MadeBatch {
  const { status, expires_at: expiresAt, errors, x_penstock: extra } = batch;
  return {
    state: status,
    hasEnded: ENDED.includes(status),
    isAccepted: status !== 'failed',
    expiresAtMs: expiresAt * 1_000,
    refused: extra.counts?.refused ?? 0,
    errors: errors?.data ?? [],
    warnings: extra.warnings,
  };
}

export function ofMessageBatch(batch: z.infer<typeof messageBatchSchema>): MadeBatch {
  const { processing_status: state, expires_at: expiresAt } = batch;
  return {
    state,
    hasEnded: ENDED.includes(state),
    isAccepted: true,
    expiresAtMs: Date.parse(expiresAt),
    refused: 0,
    errors: [],
    warnings: [],
  };
}
