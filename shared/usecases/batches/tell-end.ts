import type { BatchRecord } from '../../domain/batches/batch.ts';
import type { BatchEnd, CompletionEvent } from '../../domain/webhooks/webhook-event.ts';
import type { BatchStore } from '../../ports/batch-store.ts';
import type { CompletionEvents } from '../../ports/completion-events.ts';
import type { FileStore } from '../../ports/file-store.ts';
import { changeBatch } from './batch-changes.ts';

export interface TellEndDeps {
  readonly batches: BatchStore;
  readonly files: FileStore;
  readonly completions: CompletionEvents;
}

/**
 * What follows the end of a batch: its files get their sizes and the time they are kept, whoever
 * asked is told, and last that it was told is noted. Whoever dies in between has all of it done
 * again, which changes nothing: the same end is the same event.
 */
export type TellEnd = (batch: BatchRecord) => Promise<void>;

export function createTellEnd({ batches, files, completions }: TellEndDeps): TellEnd {
  return async (batch) => {
    if (batch.isTold) return;
    const event = endOf(batch);
    if (event === null) return;
    await closeFiles(batch, event.endedAtMs);
    await completions.publish([event]);
    await changeBatch(batches, batch, ({ isTold }) => (isTold ? null : { isTold: true }));
  };

  async function closeFiles(
    { tenant, outcome, outputFileId, errorFileId, outputLifeMs }: BatchRecord,
    endedAtMs: number,
  ): Promise<void> {
    if (outcome === null) return;
    const sizes = [
      [outputFileId, outcome.outputBytes],
      [errorFileId, outcome.errorBytes],
    ] as const;
    for (const [fileId, bytes] of sizes) {
      const file = await files.getFile(tenant, fileId);
      if (file === null) continue;
      await files.putFile({ ...file, bytes, expiresAtMs: endedAtMs + outputLifeMs });
    }
  }
}

type BatchEndEvent = Extract<CompletionEvent, { kind: 'batch' }>;

/** `null` while it has not ended. */
function endOf({ tenant, id: batchId, status, at }: BatchRecord): BatchEndEvent | null {
  const state = ENDS.find((end) => end === status);
  if (state === undefined) return null;
  return { kind: 'batch', tenant, batchId, state, endedAtMs: at[state] ?? 0 };
}

const ENDS: readonly BatchEnd[] = ['completed', 'failed', 'expired', 'cancelled'];
