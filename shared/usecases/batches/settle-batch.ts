/** What happens to a batch once its lines are requests: it ends when they have, or is brought to an end. */

import { encodeResultLine } from '../../contracts/result-line.ts';
import { type BatchRecord, hasEnded } from '../../domain/batches/batch.ts';
import type { RequestView } from '../../domain/requests/request.ts';
import type { ResultLog } from '../../ports/payload-store.ts';
import type { StatusCounts, WorkStore } from '../../ports/request-store.ts';
import { cancelledContent } from '../cancel-request.ts';
import type { PublishedResult } from '../dispatch-progress.ts';
import type { ModelDirectory } from '../submit-requests.ts';
import { changeBatch } from './batch-changes.ts';
import type { ShowFilesDeps } from './show-files.ts';
import { createShowFiles } from './show-files.ts';
import { createSumUpBatch, type SumUpBatchDeps } from './sum-up-batch.ts';

export interface SettleBatchDeps extends SumUpBatchDeps, ShowFilesDeps {
  readonly work: WorkStore;
  readonly results: ResultLog;
  readonly models: ModelDirectory;
  /** Called with each group of requests that was ended. Must not throw. */
  readonly onEnded: (results: readonly PublishedResult[]) => void | Promise<void>;
}

/** How long calls under way may still answer a batch that is cancelled. Unit: ms. */
const CANCEL_GRACE_MS = 30_000;
/** How long whoever runs requests has to see by itself that their time is over. Unit: ms. */
const EXPIRY_GRACE_MS = 60_000;
/** The same for calls under way. Unit: ms. */
const RUNNING_GRACE_MS = 600_000;
const ENDED_AT_ONCE = 500;

/** `unfinished`: the time was over before all of it could be done, and more can be done at once. */
export type Settled = 'ended' | 'waiting' | 'unfinished';

/** Looks after a batch whose input has been read, until the deadline. Unit: ms since the epoch. */
export type SettleBatch = (batch: BatchRecord, deadlineMs: number) => Promise<Settled>;

export function createSettleBatch(deps: SettleBatchDeps): SettleBatch {
  const { batches, requests, work, results, contents, models, clock, onEnded } = deps;
  const showFiles = createShowFiles(deps);
  const sumUp = createSumUpBatch(deps);

  return async (batch, deadlineMs) => {
    if (hasEnded(batch.status)) return 'ended';
    if (!(await endOverdue(batch, deadlineMs))) return 'unfinished';
    const counts = await requests.counts(batch.tenant, batch.id);
    const shown = await showFiles(batch, counts);
    if (!isAllEnded(shown, counts)) return 'waiting';
    const finalizing =
      shown.status === 'in_progress'
        ? await changeBatch(batches, shown, ({ status, at }) =>
            status === 'in_progress'
              ? { status: 'finalizing', at: { ...at, finalizing: clock.nowMs() } }
              : null,
          )
        : shown;
    return finalizing === null ? 'waiting' : finish(finalizing, deadlineMs);
  };

  /** Ends requests whose batch is cancelled, or over its time. `false` when there was no time for all. */
  async function endOverdue(batch: BatchRecord, deadlineMs: number): Promise<boolean> {
    const { status, at, expiresAtMs } = batch;
    const nowMs = clock.nowMs();
    const isCancelled = status === 'cancelling';
    const overMs = nowMs - (isCancelled ? (at.cancelling ?? nowMs) : expiresAtMs);
    const [queuedGraceMs, runningGraceMs] = isCancelled
      ? [0, CANCEL_GRACE_MS]
      : [EXPIRY_GRACE_MS, RUNNING_GRACE_MS];
    const end = isCancelled ? 'cancelled' : 'expired';
    if (overMs < queuedGraceMs) return true;
    if (!(await endRequests(batch, 'queued', end, deadlineMs))) return false;
    return overMs < runningGraceMs || endRequests(batch, 'running', end, deadlineMs);
  }

  async function finish(batch: BatchRecord, deadlineMs: number): Promise<Settled> {
    const outcome = await sumUp(batch, deadlineMs);
    if (outcome === null) return 'unfinished';
    const nowMs = clock.nowMs();
    await changeBatch(batches, batch, ({ status, at, errors }) => {
      if (hasEnded(status)) return null;
      const base = { outcome, tally: null, lease: null };
      if (status === 'cancelling' && errors.length > 0) {
        return { ...base, status: 'failed', at: { ...at, failed: nowMs } };
      }
      if (status === 'cancelling') {
        return { ...base, status: 'cancelled', at: { ...at, cancelled: nowMs } };
      }
      return outcome.expired > 0
        ? { ...base, status: 'expired', at: { ...at, expired: nowMs } }
        : { ...base, status: 'completed', at: { ...at, completed: nowMs } };
    });
    // Left by checking, where that was interrupted and then cancelled.
    const { digests } = batch.progress;
    if (digests !== null) await contents.discard(batch.tenant, [digests.blob]);
    return 'ended';
  }

  async function endRequests(
    { tenant, id: batchId }: BatchRecord,
    status: 'queued' | 'running',
    end: 'cancelled' | 'expired',
    deadlineMs: number,
  ): Promise<boolean> {
    // Behind the last one seen: else each look would pass all those again that have ended.
    let after: string | undefined;
    for (;;) {
      const filter = { tenant, batchId, status, limit: ENDED_AT_ONCE };
      const { items, hasMore } = await requests.list(
        after === undefined ? filter : { ...filter, after },
      );
      if (items.length > 0) await endAll(tenant, items, end);
      after = items.at(-1)?.id;
      if (!hasMore || after === undefined) return true;
      if (clock.nowMs() >= deadlineMs) return false;
    }
  }

  async function endAll(
    tenant: string,
    views: readonly RequestView[],
    end: 'cancelled' | 'expired',
  ): Promise<void> {
    const ended = await Promise.all(
      views.map(async (view) => {
        const provider = models.get(view.model)?.provider ?? '';
        const content = cancelledContent(view, provider, clock.nowMs(), end);
        const line = Buffer.from(encodeResultLine(content));
        const result = await results.append(tenant, line);
        return { customId: view.customId, line, outcome: { ...content.outcome, result } };
      }),
    );
    const stands = await work.commit(ended.map(({ outcome }) => outcome));
    const published = ended.filter((_, index) => stands[index]);
    if (published.length > 0) await onEnded(published);
  }
}

function isAllEnded({ total, refused }: BatchRecord, counts: StatusCounts): boolean {
  const { queued, running, succeeded, failed, cancelled, expired } = counts;
  const ended = succeeded + failed + cancelled + expired + refused.count;
  return queued + running === 0 && ended >= total;
}
