/** Message batches as Anthropic's SDKs know them. */

import * as z from 'zod';
import { type BatchRecord, hasEnded } from '../domain/batches/batch.ts';
import { anthropicError } from './openai-error.ts';

export const messageBatchSchema = z
  .object({
    id: z.string(),
    type: z.literal('message_batch'),
    processing_status: z.enum(['in_progress', 'canceling', 'ended']),
    request_counts: z.object({
      processing: z.int(),
      succeeded: z.int(),
      errored: z.int(),
      canceled: z.int(),
      expired: z.int(),
    }),
    ended_at: z.string().nullable(),
    created_at: z.string(),
    expires_at: z.string(),
    archived_at: z.string().nullable(),
    cancel_initiated_at: z.string().nullable(),
    results_url: z.string().nullable(),
  })
  .meta({ id: 'MessageBatch' });

export const messageBatchPageSchema = z.object({
  data: z.array(messageBatchSchema),
  has_more: z.boolean(),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
});

export const deletedMessageBatchSchema = z.object({
  id: z.string(),
  type: z.literal('message_batch_deleted'),
});

/** `baseUrl`: where this server is called, without a slash at the end. */
export function renderMessageBatch(
  batch: BatchRecord,
  baseUrl: string,
  nowMs: number,
): z.infer<typeof messageBatchSchema> {
  const { at, outcome } = batch;
  const isOver = hasEnded(batch.status);
  const endedAtMs = at.completed ?? at.expired ?? at.cancelled ?? at.failed;
  const archivedAtMs = (endedAtMs ?? batch.createdAtMs) + batch.outputLifeMs;
  const isArchived = isOver && archivedAtMs <= nowMs;
  return {
    id: batch.id,
    type: 'message_batch',
    processing_status: statusOf(batch),
    // As Anthropic has it: all is processing until the batch ends, then all counts move at once.
    request_counts: {
      processing: isOver ? 0 : batch.total,
      succeeded: outcome?.succeeded ?? 0,
      errored: outcome?.failed ?? 0,
      canceled: outcome?.cancelled ?? 0,
      expired: outcome?.expired ?? 0,
    },
    ended_at: timestamp(isOver ? endedAtMs : null),
    created_at: timestamp(batch.createdAtMs) ?? '',
    expires_at: timestamp(batch.expiresAtMs) ?? '',
    archived_at: timestamp(isArchived ? archivedAtMs : null),
    cancel_initiated_at: timestamp(at.cancelling),
    results_url:
      isOver && !isArchived ? `${baseUrl}/v1/messages/batches/${batch.id}/results` : null,
  };
}

function statusOf({
  status,
}: BatchRecord): z.infer<typeof messageBatchSchema>['processing_status'] {
  if (hasEnded(status)) return 'ended';
  return status === 'cancelling' ? 'canceling' : 'in_progress';
}

/** RFC 3339 with microseconds, as recorded. */
function timestamp(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString().replace('Z', '000+00:00');
}

/** A result line. `messageJson` goes in as it is, byte for byte. */
export function succeededLine(customId: string | null, messageJson: string): string {
  return `{"custom_id":${JSON.stringify(customId)},"result":{"type":"succeeded","message":${messageJson}}}`;
}

export function unansweredLine(customId: string | null, type: 'canceled' | 'expired'): string {
  return JSON.stringify({ custom_id: customId, result: { type } });
}

/** `errorJson`: the provider's own error, where it gave one in Anthropic's shape. */
export function erroredLine(
  customId: string | null,
  error: { readonly status: number; readonly message: string; readonly requestId: string },
  errorJson: string | null,
): string {
  const own = (): string =>
    JSON.stringify(anthropicError(error.status, error.message, error.requestId));
  return `{"custom_id":${JSON.stringify(customId)},"result":{"type":"errored","error":${errorJson ?? own()}}}`;
}
