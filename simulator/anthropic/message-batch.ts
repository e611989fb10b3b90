import type { Fate } from '../batches/fate.ts';
import type { Lines } from '../batches/lines.ts';
import type { QueueEntry } from '../batches/queue-entry.ts';
import type { RowPlan } from '../batches/row-plan.ts';
import type { Timeline } from '../batches/timeline.ts';

export interface ResultCounts {
  readonly succeeded: number;
  readonly errored: number;
  readonly canceled: number;
  readonly expired: number;
}

/** A message batch from its creation on. */
export interface MessageBatch {
  readonly id: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly fate: Fate;
  readonly timeline: Timeline;
  readonly total: number;
  status: 'in_progress' | 'canceling' | 'ended';
  /** Requests as JSON lines, until the end. */
  lines: Lines | undefined;
  readonly customIds: readonly string[];
  plan: RowPlan | undefined;
  readonly queue: QueueEntry;
  cancelInitiatedAtMs: number | undefined;
  endedAtMs: number | undefined;
  archivedAtMs: number | undefined;
  /** Rows done when it was canceled. */
  doneAtCancel: number | undefined;
  counts: ResultCounts;
  results: Buffer | undefined;
  /** Called when the results are downloaded. */
  onDownload: () => void;
  isRetrieved: boolean;
}

/** The MessageBatch object, its fields in the recorded order. `origin`: scheme and host of its results. */
export function renderMessageBatch(batch: MessageBatch, origin: string): object {
  const hasEnded = batch.status === 'ended';
  return {
    id: batch.id,
    type: 'message_batch',
    processing_status: batch.status,
    // Everything is processing until the batch ends; then all counts move at once.
    request_counts: { processing: hasEnded ? 0 : batch.total, ...batch.counts },
    ended_at: timestamp(batch.endedAtMs),
    created_at: timestamp(batch.createdAtMs),
    expires_at: timestamp(batch.expiresAtMs),
    archived_at: timestamp(batch.archivedAtMs),
    cancel_initiated_at: timestamp(batch.cancelInitiatedAtMs),
    results_url:
      hasEnded && batch.archivedAtMs === undefined
        ? `${origin}/v1/messages/batches/${batch.id}/results`
        : null,
  };
}

/** RFC 3339 with microseconds, as recorded. */
function timestamp(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString().replace('Z', '000+00:00');
}
