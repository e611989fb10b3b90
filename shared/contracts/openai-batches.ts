/** Files, uploads and batches as OpenAI's SDKs know them. */

import * as z from 'zod';
import { type BatchRecord, hasEnded } from '../domain/batches/batch.ts';
import type { FileRecord, UploadRecord } from '../domain/batches/stored-file.ts';

export const fileSchema = z
  .object({
    id: z.string(),
    object: z.literal('file'),
    purpose: z.string(),
    filename: z.string(),
    bytes: z.int(),
    created_at: z.int(),
    expires_at: z.int().nullable(),
    status: z.literal('processed'),
    status_details: z.null(),
  })
  .meta({ id: 'File' });

export const uploadSchema = z
  .object({
    id: z.string(),
    object: z.literal('upload'),
    bytes: z.int(),
    created_at: z.int(),
    filename: z.string(),
    purpose: z.string(),
    status: z.enum(['pending', 'completed', 'cancelled', 'expired']),
    expires_at: z.int(),
    file: fileSchema.nullable(),
  })
  .meta({ id: 'Upload' });

export const uploadPartSchema = z
  .object({
    id: z.string(),
    object: z.literal('upload.part'),
    created_at: z.int(),
    upload_id: z.string(),
  })
  .meta({ id: 'UploadPart' });

const instant = z.int().nullable();

export const batchSchema = z
  .object({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.string(),
    errors: z
      .object({
        object: z.literal('list'),
        data: z.array(
          z.object({
            code: z.string(),
            message: z.string(),
            param: z.string().nullable(),
            line: z.int().nullable(),
          }),
        ),
      })
      .nullable(),
    input_file_id: z.string().nullable(),
    completion_window: z.string(),
    status: z.enum([
      'validating',
      'failed',
      'in_progress',
      'finalizing',
      'completed',
      'expired',
      'cancelling',
      'cancelled',
    ]),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: z.int(),
    in_progress_at: instant,
    expires_at: z.int(),
    finalizing_at: instant,
    completed_at: instant,
    failed_at: instant,
    expired_at: instant,
    cancelling_at: instant,
    cancelled_at: instant,
    request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
    usage: z
      .object({
        input_tokens: z.int(),
        input_tokens_details: z.object({ cached_tokens: z.int() }),
        output_tokens: z.int(),
        output_tokens_details: z.object({ reasoning_tokens: z.int() }),
        total_tokens: z.int(),
      })
      .optional()
      .meta({ description: 'Once it has ended' }),
    metadata: z.record(z.string(), z.string()).nullable(),
    x_penstock: z.object({
      warnings: z.array(z.object({ code: z.string(), message: z.string() })),
      cost_micro_usd: z.number().nullable().meta({ description: 'Once it has ended' }),
      counts: z
        .object({
          queued: z.int(),
          running: z.int(),
          succeeded: z.int(),
          failed: z.int(),
          cancelled: z.int(),
          expired: z.int(),
          refused: z.int().meta({ description: 'Lines that could not become requests' }),
        })
        .nullable(),
    }),
  })
  .meta({ id: 'Batch' });

export const deletedFileSchema = z.object({
  id: z.string(),
  object: z.literal('file'),
  deleted: z.literal(true),
});

/** Requests of a batch, by where they stand. */
export interface RequestCounts {
  readonly queued: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly expired: number;
}

export function renderFile(file: FileRecord): z.infer<typeof fileSchema> {
  return {
    id: file.id,
    object: 'file',
    purpose: file.purpose,
    filename: file.filename,
    bytes: file.bytes,
    created_at: seconds(file.createdAtMs),
    expires_at: secondsOrNull(file.expiresAtMs),
    status: 'processed',
    status_details: null,
  };
}

export function renderUpload(
  upload: UploadRecord,
  status: z.infer<typeof uploadSchema>['status'],
  file: FileRecord | null,
): z.infer<typeof uploadSchema> {
  return {
    id: upload.id,
    object: 'upload',
    bytes: upload.bytes,
    created_at: seconds(upload.createdAtMs),
    filename: upload.filename,
    purpose: upload.purpose,
    status,
    expires_at: seconds(upload.expiresAtMs),
    file: file && renderFile(file),
  };
}

/** `counts`: `null` while there are no requests, or once the batch has its outcome. */
export function renderBatch(
  batch: BatchRecord,
  counts: RequestCounts | null,
): z.infer<typeof batchSchema> {
  const { at, outcome, refused } = batch;
  const ended = outcome ?? counts;
  // What was refused is among the failed of an outcome, and not among those of the ledger.
  const invalid = refused.count - refused.cancelled;
  const extra = outcome === null ? invalid : 0;
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    errors: batch.status === 'failed' ? { object: 'list', data: [...batch.errors] } : null,
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status: batch.status,
    output_file_id: batch.hasOutput ? batch.outputFileId : null,
    error_file_id: batch.hasErrors ? batch.errorFileId : null,
    created_at: seconds(batch.createdAtMs),
    in_progress_at: secondsOrNull(at.inProgress),
    expires_at: seconds(batch.expiresAtMs),
    finalizing_at: secondsOrNull(at.finalizing),
    completed_at: secondsOrNull(at.completed),
    failed_at: secondsOrNull(at.failed),
    expired_at: secondsOrNull(at.expired),
    cancelling_at: secondsOrNull(at.cancelling),
    cancelled_at: secondsOrNull(at.cancelled),
    request_counts: {
      total: batch.total,
      completed: ended?.succeeded ?? 0,
      failed: (ended?.failed ?? 0) + (ended?.expired ?? 0) + extra,
    },
    ...(outcome && {
      usage: {
        input_tokens: outcome.inputTokens,
        input_tokens_details: { cached_tokens: outcome.cachedInputTokens },
        output_tokens: outcome.outputTokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: outcome.inputTokens + outcome.outputTokens,
      },
    }),
    metadata: batch.metadata && { ...batch.metadata },
    x_penstock: {
      warnings: [...batch.warnings],
      cost_micro_usd: outcome?.costMicroUsd ?? null,
      counts:
        ended === null
          ? null
          : {
              queued: hasEnded(batch.status) ? 0 : (counts?.queued ?? 0),
              running: hasEnded(batch.status) ? 0 : (counts?.running ?? 0),
              succeeded: ended.succeeded,
              failed: outcome === null ? ended.failed : ended.failed - invalid,
              cancelled: ended.cancelled,
              expired: ended.expired,
              refused: invalid,
            },
    },
  };
}

/** A page with its cursors. */
export function renderPage<Item extends { readonly id: string }>(
  data: readonly Item[],
  hasMore: boolean,
) {
  return {
    object: 'list' as const,
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

export function pageSchema<Schema extends z.ZodType>(item: Schema) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

function secondsOrNull(ms: number | null): number | null {
  return ms === null ? null : seconds(ms);
}
