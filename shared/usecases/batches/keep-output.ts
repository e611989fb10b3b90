/**
 * What a batch was answered is rendered when somebody asks. Where a gateway bounds how long that may
 * take, large output is rendered once, as the batch ends, and fetched from where it then lies.
 */

import { MAX_DIRECT_CONTENT_BYTES } from '../../contracts/limits.ts';
import type { BatchRecord } from '../../domain/batches/batch.ts';
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ContentAddresses } from '../../ports/file-contents.ts';
import { wholeBlobOf } from '../files/manage-files.ts';
import { bounded } from '../files/open-content.ts';
import type { BatchRowsDeps } from './batch-rows.ts';
import { resultsBlobOf } from './open-results.ts';
import { renderMessageResults } from './render-message-results.ts';
import { renderOutput } from './render-output.ts';

export interface KeepOutputDeps extends BatchRowsDeps {
  /** `null` in a home that hands on whatever its size. */
  readonly addresses: ContentAddresses | null;
  readonly clock: Clock;
}

/** Nobody has reckoned how large results of message batches are; fewer are soon rendered. */
const FEW_RESULTS = 500;

/**
 * Writes large output of a batch that has ended, until the deadline. What cannot be written, by then
 * or at all, is rendered when somebody asks, who then is told what is wrong. Unit: ms since the epoch.
 */
export type KeepOutput = (batch: BatchRecord, deadlineMs: number) => Promise<void>;

/** Whether there is something for `KeepOutput` to do. */
export function hasLargeOutput(batch: BatchRecord): boolean {
  const { kind, outcome, total } = batch;
  if (outcome === null) return false;
  if (kind === 'anthropic') return total > FEW_RESULTS;
  return Math.max(outcome.outputBytes, outcome.errorBytes) > MAX_DIRECT_CONTENT_BYTES;
}

export function createKeepOutput(deps: KeepOutputDeps): KeepOutput {
  const { addresses, clock } = deps;

  return async (batch, deadlineMs) => {
    if (addresses === null) return;
    for (const { blob, bytes, content } of largeContents(batch)) {
      const place = { tenant: batch.tenant, filename: '', bytes };
      await bounded(addresses, place, blob, inTime(content, deadlineMs)).catch(() => undefined);
    }
  };

  function largeContents(batch: BatchRecord) {
    const { kind, outcome, outputFileId, errorFileId } = batch;
    if (outcome === null || !hasLargeOutput(batch)) return [];
    if (kind === 'anthropic') {
      const content = renderMessageResults(deps, batch);
      return [{ blob: resultsBlobOf(batch.id), bytes: Number.POSITIVE_INFINITY, content }];
    }
    const files = [
      { blob: wholeBlobOf(outputFileId), bytes: outcome.outputBytes, name: 'output' as const },
      { blob: wholeBlobOf(errorFileId), bytes: outcome.errorBytes, name: 'errors' as const },
    ];
    return files
      .filter(({ bytes }) => bytes > MAX_DIRECT_CONTENT_BYTES)
      .map(({ blob, bytes, name }) => ({ blob, bytes, content: renderOutput(deps, batch, name) }));
  }

  async function* inTime(
    content: AsyncGenerator<Uint8Array>,
    deadlineMs: number,
  ): AsyncGenerator<Uint8Array> {
    for await (const piece of content) {
      if (clock.nowMs() >= deadlineMs) throw new AppError('capacity_exhausted', 'No time is left');
      yield piece;
    }
  }
}
