/** What happens to a batch once its lines are requests: it ends when they have, or is brought to an end. */

import { encodeResultLine } from '../../contracts/result-line.ts';
import { type BatchOutcome, type BatchRecord, hasEnded } from '../../domain/batch.ts';
import type { RequestView } from '../../domain/request.ts';
import { promptTokens } from '../../domain/usage.ts';
import type { BatchStore } from '../../ports/batch-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FileStore } from '../../ports/file-store.ts';
import type { ResultLog } from '../../ports/payload-store.ts';
import type { StatusCounts, WorkStore } from '../../ports/request-store.ts';
import { cancelledContent } from '../cancel-request.ts';
import type { PublishedResult } from '../dispatch-progress.ts';
import type { ModelDirectory } from '../submit-requests.ts';
import { changeBatch } from './batch-changes.ts';
import type { BatchRowsDeps } from './batch-rows.ts';
import { renderOutput } from './render-output.ts';

export interface SettleBatchDeps extends BatchRowsDeps {
  readonly batches: BatchStore;
  readonly files: FileStore;
  readonly work: WorkStore;
  readonly results: ResultLog;
  readonly models: ModelDirectory;
  readonly clock: Clock;
  readonly onCancelled: (result: PublishedResult) => void;
}

/** How long calls under way may still answer a batch that is cancelled. Unit: ms. */
const CANCEL_GRACE_MS = 30_000;
/** How long whoever runs requests has to see by itself that their time is over. Unit: ms. */
const EXPIRY_GRACE_MS = 60_000;
/** The same for calls under way. Unit: ms. */
const RUNNING_GRACE_MS = 600_000;
const ENDED_AT_ONCE = 500;
const PAGE = 1_000;

export interface SettleBatch {
  /** Looks after a batch whose input has been read. `true` once it has ended. */
  settle(batch: BatchRecord): Promise<boolean>;
  /** Makes the files of a batch known as soon as they have lines. Resolves to the batch as it then is. */
  showFiles(batch: BatchRecord, counts: StatusCounts): Promise<BatchRecord>;
}

export function createSettleBatch(deps: SettleBatchDeps): SettleBatch {
  const { batches, files, requests, work, results, models, clock, onCancelled } = deps;
  return { settle, showFiles };

  async function settle(batch: BatchRecord): Promise<boolean> {
    if (hasEnded(batch.status)) return true;
    const { tenant, id, total, refused } = batch;
    const nowMs = clock.nowMs();
    if (batch.status === 'cancelling') {
      const isOver = nowMs - (batch.at.cancelling ?? nowMs) >= CANCEL_GRACE_MS;
      await endRequests(batch, 'queued', 'cancelled');
      if (isOver) await endRequests(batch, 'running', 'cancelled');
    } else if (nowMs >= batch.expiresAtMs + EXPIRY_GRACE_MS) {
      await endRequests(batch, 'queued', 'expired');
      if (nowMs >= batch.expiresAtMs + RUNNING_GRACE_MS) {
        await endRequests(batch, 'running', 'expired');
      }
    }
    const counts = await requests.counts(tenant, id);
    const shown = await showFiles(batch, counts);
    const { queued, running, succeeded, failed, cancelled, expired } = counts;
    const ended = succeeded + failed + cancelled + expired + refused.count;
    if (queued + running > 0 || ended < total) return false;
    const finalizing =
      shown.status === 'in_progress'
        ? await changeBatch(batches, shown, ({ status, at }) =>
            status === 'in_progress'
              ? { status: 'finalizing', at: { ...at, finalizing: clock.nowMs() } }
              : null,
          )
        : shown;
    return finalizing === null ? false : finish(finalizing);
  }

  async function finish(batch: BatchRecord): Promise<boolean> {
    const outcome = await sumUp(batch);
    const nowMs = clock.nowMs();
    const ended = await changeBatch(batches, batch, ({ status, at }) => {
      if (hasEnded(status)) return null;
      const base = { outcome, lease: null };
      if (status === 'cancelling') {
        return { ...base, status: 'cancelled', at: { ...at, cancelled: nowMs } };
      }
      return outcome.expired > 0
        ? { ...base, status: 'expired', at: { ...at, expired: nowMs } }
        : { ...base, status: 'completed', at: { ...at, completed: nowMs } };
    });
    if (ended === null) return true;
    const sizes = { output: outcome.outputBytes, errors: outcome.errorBytes } as const;
    for (const content of ['output', 'errors'] as const) {
      const fileId = content === 'output' ? ended.outputFileId : ended.errorFileId;
      const file = await files.getFile(ended.tenant, fileId);
      if (file === null) continue;
      const expiresAtMs = nowMs + ended.outputLifeMs;
      await files.putFile({ ...file, bytes: sizes[content], expiresAtMs });
    }
    return true;
  }

  async function showFiles(batch: BatchRecord, counts: StatusCounts): Promise<BatchRecord> {
    const hasOutput = counts.succeeded > 0;
    const hasErrors = counts.failed + counts.expired + counts.cancelled + batch.refused.count > 0;
    if (batch.kind === 'anthropic') return batch;
    if (hasOutput === batch.hasOutput && hasErrors === batch.hasErrors) return batch;
    if (hasOutput && !batch.hasOutput) await makeFile(batch, 'output');
    if (hasErrors && !batch.hasErrors) await makeFile(batch, 'errors');
    return (await changeBatch(batches, batch, () => ({ hasOutput, hasErrors }))) ?? batch;
  }

  async function makeFile(batch: BatchRecord, content: 'output' | 'errors'): Promise<void> {
    const isOutput = content === 'output';
    await files.putFile({
      id: isOutput ? batch.outputFileId : batch.errorFileId,
      tenant: batch.tenant,
      filename: `${batch.id}_${isOutput ? 'output' : 'error'}.jsonl`,
      purpose: 'batch_output',
      bytes: 0,
      createdAtMs: clock.nowMs(),
      expiresAtMs: null,
      source: { kind: 'batch', batchId: batch.id, content },
    });
  }

  async function sumUp(batch: BatchRecord): Promise<BatchOutcome> {
    const { tenant, id: batchId } = batch;
    const sums = {
      succeeded: 0,
      failed: batch.refused.count - batch.refused.cancelled,
      cancelled: batch.refused.cancelled,
      expired: 0,
      inputTokens: 0,
      cachedInputTokens: 0,
      outputTokens: 0,
      costMicroUsd: 0,
      outputBytes: 0,
      errorBytes: 0,
    };
    let after: string | null = null;
    do {
      const page = await requests.published({ tenant, batchId, after, limit: PAGE });
      for (const { outcome } of page.items) {
        if (outcome === null) continue;
        const { usage } = outcome;
        sums[outcome.status] += 1;
        sums.inputTokens += promptTokens(usage);
        sums.cachedInputTokens += usage.cachedInputTokens;
        sums.outputTokens += usage.outputTokens;
        sums.costMicroUsd += outcome.costMicroUsd;
        if (outcome.status === 'succeeded') sums.outputBytes += outcome.result.length + 1;
      }
      after = page.next;
    } while (after !== null);
    if (batch.kind === 'openai' && sums.failed + sums.cancelled + sums.expired > 0) {
      for await (const piece of renderOutput(deps, batch, 'errors'))
        sums.errorBytes += piece.length;
    }
    return sums;
  }

  async function endRequests(
    { tenant, id: batchId }: BatchRecord,
    status: 'queued' | 'running',
    end: 'cancelled' | 'expired',
  ): Promise<void> {
    for (;;) {
      const filter = { tenant, batchId, status, limit: ENDED_AT_ONCE };
      const { items } = await requests.list(filter);
      if (items.length === 0) return;
      const published = await endAll(tenant, items, end);
      if (published === 0) return;
    }
  }

  async function endAll(
    tenant: string,
    views: readonly RequestView[],
    end: 'cancelled' | 'expired',
  ): Promise<number> {
    const ended = await Promise.all(
      views.map(async (view) => {
        const provider = models.get(view.model)?.provider ?? '';
        const content = cancelledContent(view, provider, clock.nowMs(), end);
        const line = Buffer.from(encodeResultLine(content));
        const result = await results.append(tenant, line);
        return { view, line, outcome: { ...content.outcome, result } };
      }),
    );
    const stands = await work.commit(ended.map(({ outcome }) => outcome));
    ended.forEach(({ view, line, outcome }, index) => {
      if (stands[index]) onCancelled({ outcome, customId: view.customId, line });
    });
    return stands.filter(Boolean).length;
  }
}
