import type { BatchRecord } from '../../domain/batches/batch.ts';
import type { BatchStore } from '../../ports/batch-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FileStore } from '../../ports/file-store.ts';
import type { StatusCounts } from '../../ports/request-store.ts';
import { changeBatch } from './batch-changes.ts';

export interface ShowFilesDeps {
  readonly batches: BatchStore;
  readonly files: FileStore;
  readonly clock: Clock;
}

/** Makes the files of a batch known as soon as they have lines. Resolves to the batch as it then is. */
export type ShowFiles = (batch: BatchRecord, counts: StatusCounts) => Promise<BatchRecord>;

export function createShowFiles({ batches, files, clock }: ShowFilesDeps): ShowFiles {
  return async (batch, counts) => {
    const hasOutput = counts.succeeded > 0;
    const hasErrors = counts.failed + counts.expired + counts.cancelled + batch.refused.count > 0;
    if (batch.kind === 'anthropic') return batch;
    if (hasOutput === batch.hasOutput && hasErrors === batch.hasErrors) return batch;
    if (hasOutput && !batch.hasOutput) await makeFile(batch, 'output');
    if (hasErrors && !batch.hasErrors) await makeFile(batch, 'errors');
    const changed = await changeBatch(batches, batch, (record) => {
      // Counts may be older than the record by now: a file that was shown stays so.
      const shown = {
        hasOutput: record.hasOutput || hasOutput,
        hasErrors: record.hasErrors || hasErrors,
      };
      const isSame = shown.hasOutput === record.hasOutput && shown.hasErrors === record.hasErrors;
      return isSame ? null : shown;
    });
    return changed ?? (await batches.get(batch.tenant, batch.id)) ?? batch;
  };

  async function makeFile(batch: BatchRecord, content: 'output' | 'errors'): Promise<void> {
    const isOutput = content === 'output';
    const id = isOutput ? batch.outputFileId : batch.errorFileId;
    // Whoever was faster may have closed it since, with its size and its end.
    if ((await files.getFile(batch.tenant, id)) !== null) return;
    await files.putFile({
      id,
      tenant: batch.tenant,
      filename: `${batch.id}_${isOutput ? 'output' : 'error'}.jsonl`,
      purpose: 'batch_output',
      bytes: 0,
      createdAtMs: clock.nowMs(),
      expiresAtMs: null,
      source: { kind: 'batch', batchId: batch.id, content },
    });
  }
}
