import type { Fate } from '../batches/fate.ts';
import type { Quirk } from '../batches/options.ts';
import type { RowPlan } from '../batches/row-plan.ts';
import { doneRows, type Timeline } from '../batches/timeline.ts';
import type { BatchError, BatchInput } from './batch-input.ts';

export type BatchStatus =
  | 'validating'
  | 'failed'
  | 'in_progress'
  | 'finalizing'
  | 'completed'
  | 'expired'
  | 'cancelling'
  | 'cancelled';

export interface BatchUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

interface Counts {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
}

/** A batch from its creation on. */
export interface OpenAiBatch {
  readonly id: string;
  readonly isAzure: boolean;
  readonly endpoint: string;
  /** As asked for, e.g. `24h`. */
  readonly window: string;
  readonly inputFileId: string;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly outputExpiresAfterSeconds: number | undefined;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly fate: Fate;
  readonly timeline: Timeline;
  status: BatchStatus;
  /** When it entered a status. */
  readonly enteredAtMs: { [S in BatchStatus]?: number };
  /** The input file until validation, then its rows until the end. */
  content: Buffer | undefined;
  input: BatchInput | undefined;
  plan: RowPlan | undefined;
  errors: readonly BatchError[] | null;
  model: string | null;
  outputFileId: string | null;
  errorFileId: string | null;
  /** Rows done when it was cancelled. */
  doneAtCancel: number | undefined;
  /** Once it has ended. */
  finalCounts: Counts | undefined;
  usage: BatchUsage;
  /** Whether anybody ever asked for it by its id. */
  isRetrieved: boolean;
}

/** Rows done at an instant, whatever became of them. */
export function doneCount({ timeline, input, doneAtCancel }: OpenAiBatch, nowMs: number): number {
  if (doneAtCancel !== undefined) return doneAtCancel;
  return input === undefined ? 0 : doneRows(timeline, input.lines.length, nowMs);
}

function countsOf(batch: OpenAiBatch, nowMs: number): Counts {
  if (batch.finalCounts) return batch.finalCounts;
  const total = batch.input?.lines.length ?? 0;
  const done = doneCount(batch, nowMs);
  const failed = batch.plan?.failedAmong(done) ?? 0;
  return { total, completed: done - failed, failed };
}

/** The Batch object, its fields in the recorded order. `isOldApi`: Azure's dated API. */
export function renderBatch(
  batch: OpenAiBatch,
  nowMs: number,
  quirks: ReadonlySet<Quirk>,
  isOldApi: boolean,
): object {
  const at = (status: BatchStatus): number | null => seconds(batch.enteredAtMs[status]);
  const { isAzure, createdAtMs } = batch;
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    ...(!isAzure && { model: batch.model }),
    errors: batch.errors && { object: 'list', data: batch.errors },
    input_file_id: batch.inputFileId,
    completion_window: batch.window,
    status: quirks.has('capital_status') ? capitalised(batch.status) : batch.status,
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    created_at: isOldApi ? new Date(createdAtMs).toISOString() : seconds(createdAtMs),
    in_progress_at: at('in_progress'),
    expires_at: seconds(batch.expiresAtMs),
    finalizing_at: at('finalizing'),
    completed_at: at('completed'),
    failed_at: at('failed'),
    expired_at: at('expired'),
    cancelling_at: at('cancelling'),
    cancelled_at: at('cancelled'),
    request_counts: quirks.has('null_counts')
      ? { total: null, completed: null, failed: null }
      : countsOf(batch, nowMs),
    ...(!isAzure && { usage: renderUsage(batch.usage) }),
    metadata: batch.metadata,
  };
}

function renderUsage({ inputTokens, outputTokens }: BatchUsage): object {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
}

/** `in_progress` becomes `InProgress`. */
function capitalised(status: BatchStatus): string {
  return status.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1_000);
}
