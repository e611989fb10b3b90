import { type BatchOutcome, type BatchRecord, hasEnded } from '../../domain/batches/batch.ts';
import { promptTokens } from '../../domain/cost/usage.ts';
import type { RequestView } from '../../domain/requests/request.ts';
import type { BatchStore } from '../../ports/batch-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { changeBatch } from './batch-changes.ts';
import type { BatchRowsDeps } from './batch-rows.ts';
import { sizeOfRefused, sizeOfUnanswered } from './render-output.ts';

export interface SumUpBatchDeps extends BatchRowsDeps {
  readonly batches: BatchStore;
  readonly clock: Clock;
}

/**
 * Sums up a batch all of whose requests have ended. `null` when that takes past the deadline: then
 * how far it came is kept, and the next call goes on from there.
 */
export type SumUpBatch = (batch: BatchRecord, deadlineMs: number) => Promise<BatchOutcome | null>;

type Sums = { -readonly [Name in keyof BatchOutcome]: BatchOutcome[Name] };

const PAGE = 1_000;
const LINE_FEED_BYTES = 1;

export function createSumUpBatch(deps: SumUpBatchDeps): SumUpBatch {
  const { batches, requests, clock } = deps;

  return async (batch, deadlineMs) => {
    const { tenant, id: batchId, kind, tally } = batch;
    const sums: Sums = tally === null ? await begin(batch) : { ...tally.sums };
    let after = tally?.after ?? null;
    for (;;) {
      const page = await requests.published({ tenant, batchId, after, limit: PAGE });
      for (const view of page.items) add(sums, view, kind === 'openai');
      after = page.next;
      if (after === null) return sums;
      if (clock.nowMs() < deadlineMs) continue;
      const reached = { sums, after };
      await changeBatch(batches, batch, (record) =>
        // Whoever is further need not be set back.
        hasEnded(record.status) || record.tally?.after !== tally?.after ? null : { tally: reached },
      );
      return null;
    }
  };

  async function begin(batch: BatchRecord): Promise<Sums> {
    const { refused, kind } = batch;
    return {
      succeeded: 0,
      failed: refused.count - refused.cancelled,
      cancelled: refused.cancelled,
      expired: 0,
      inputTokens: 0,
      cachedInputTokens: 0,
      outputTokens: 0,
      costMicroUsd: 0,
      outputBytes: 0,
      errorBytes: kind === 'openai' ? await sizeOfRefused(deps, batch) : 0,
    };
  }
}

function add(sums: Sums, view: RequestView, hasFiles: boolean): void {
  const { outcome } = view;
  if (outcome === null) return;
  const { status, usage, costMicroUsd, result } = outcome;
  sums[status] += 1;
  sums.inputTokens += promptTokens(usage);
  sums.cachedInputTokens += usage.cachedInputTokens;
  sums.outputTokens += usage.outputTokens;
  sums.costMicroUsd += costMicroUsd;
  if (!hasFiles) return;
  // Answers stand in the files as they are stored, so that none need be read to know its size.
  const isAnswer = status === 'succeeded' || status === 'failed';
  const bytes = isAnswer ? result.length : sizeOfUnanswered(view, status);
  sums[status === 'succeeded' ? 'outputBytes' : 'errorBytes'] += bytes + LINE_FEED_BYTES;
}
