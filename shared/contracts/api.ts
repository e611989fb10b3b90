/** The HTTP API's own objects: what it takes, checked strictly, and what it gives. */

import { z } from 'zod';
import { COMPLETION_WINDOW_HINT, parseCompletionWindow } from '../domain/completion-window.ts';
import { LANES } from '../domain/lane.ts';
import { ENDPOINTS } from '../domain/request.ts';
import {
  DEFAULT_PAGE,
  MAX_CUSTOM_ID_LENGTH,
  MAX_IDEMPOTENCY_KEY_LENGTH,
  MAX_PAGE,
  MAX_TAG_LENGTH,
  MAX_TAGS,
  MAX_WAIT_SECONDS,
} from './limits.ts';

const STATUSES = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'] as const;
const PRIORITY_NAMES = ['interactive', 'standard', 'bulk'] as const;
const GROUPINGS = ['tag', 'model', 'day', 'lane', 'batch'] as const;

/** Text that is safe to log, list and send on: no control characters, nothing outside Unicode. */
const label = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => !/\p{Cc}/u.test(text) && text.isWellFormed(), {
      error: 'must not hold control characters or half characters',
    });

export const idempotencyKeySchema = label(MAX_IDEMPOTENCY_KEY_LENGTH);

const completionWindowSchema = z.string().transform((written, context) => {
  const windowMs = parseCompletionWindow(written);
  if (windowMs !== null) return windowMs;
  context.issues.push({
    code: 'custom',
    input: written,
    message: `must be ${COMPLETION_WINDOW_HINT}`,
  });
  return z.NEVER;
});

/** One request to submit: our own form, or a line of an OpenAI batch file. */
export const submissionSchema = z
  .strictObject({
    id: idempotencyKeySchema.optional().meta({
      description: 'Idempotency key: the same id with the same request is accepted once',
    }),
    custom_id: label(MAX_CUSTOM_ID_LENGTH).optional().meta({ description: 'Your own name for it' }),
    model: z.string().min(1).optional().meta({ description: 'Where the body names none' }),
    endpoint: z.enum(ENDPOINTS).optional(),
    url: z.enum(ENDPOINTS).optional().meta({ description: 'Same as endpoint, as OpenAI has it' }),
    method: z.literal('POST').optional(),
    body: z
      .record(z.string(), z.unknown())
      .meta({ description: "The provider's request body, passed on as it is" }),
    completion_window: completionWindowSchema
      .optional()
      .meta({ description: `How long you are willing to wait: ${COMPLETION_WINDOW_HINT}` }),
    lane: z
      .enum(LANES)
      .optional()
      .meta({ description: 'Forces a lane; else the cheapest in time' }),
    priority: z.enum(PRIORITY_NAMES).optional(),
    tags: z.array(label(MAX_TAG_LENGTH)).max(MAX_TAGS).optional(),
  })
  .meta({ id: 'Submission' });

/** A number written in a query. */
const queryNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^[0-9]{1,6}$/, { error: 'must be a whole number' })
    .transform(Number)
    .pipe(z.int().min(min).max(max));

/** A day or an instant, as ms since the epoch. */
const queryInstant = z.union([z.iso.date(), z.iso.datetime({ offset: true })], {
  error: 'must be a day (2026-11-24) or an instant (2026-11-24T10:00:00Z)',
});

export const getQuerySchema = z.strictObject({
  wait: queryNumber(0, MAX_WAIT_SECONDS)
    .optional()
    .meta({ description: 'Seconds to hold the answer back until the request has ended' }),
});

export const listQuerySchema = z.strictObject({
  tag: z.string().min(1).optional(),
  status: z.enum(STATUSES).optional(),
  model: z.string().min(1).optional(),
  batch: z.string().min(1).optional(),
  after: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Id of the last item of the page before' }),
  limit: queryNumber(1, MAX_PAGE).default(DEFAULT_PAGE),
});

export const usageQuerySchema = z.strictObject({
  from: queryInstant.transform((text) => Date.parse(text)).optional(),
  to: queryInstant.transform((text) => Date.parse(text)).optional(),
  group_by: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(GROUPINGS)))
    .default([])
    .meta({ description: `Any of ${GROUPINGS.join(', ')}, separated by commas` }),
});

const tokenUsageSchema = z.object({
  input_tokens: z.int(),
  cached_input_tokens: z.int(),
  cache_write_tokens: z.int(),
  cache_write_1h_tokens: z.int(),
  output_tokens: z.int(),
});

/** A request without its answer, as lists show it. */
export const requestSummarySchema = z
  .object({
    object: z.literal('request'),
    id: z.string(),
    status: z.enum(STATUSES),
    model: z.string(),
    endpoint: z.enum(ENDPOINTS),
    custom_id: z.string().nullable(),
    batch_id: z.string().nullable(),
    lane: z.enum(LANES).nullable().meta({ description: 'The lane asked for, then the lane taken' }),
    priority: z.int(),
    tags: z.array(z.string()),
    attempts: z.int(),
    created_at_ms: z.int(),
    deadline_at_ms: z.int().nullable(),
    finished_at_ms: z.int().nullable(),
    usage: tokenUsageSchema.nullable(),
    cost_micro_usd: z.int().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'RequestSummary' });

export type RequestSummary = z.infer<typeof requestSummarySchema>;

/** A request with the provider's answer, once there is one. */
export const requestSchema = requestSummarySchema
  .extend({
    result: z
      .object({ status_code: z.int(), request_id: z.string(), body: z.unknown() })
      .nullable()
      .meta({ description: "The provider's answer, exactly as it was received" }),
  })
  .meta({ id: 'Request' });

export const requestListSchema = z.object({
  object: z.literal('list'),
  data: z.array(requestSummarySchema),
  has_more: z.boolean(),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
});

export const usageRowSchema = z
  .object({
    tag: z.string().nullable(),
    model: z.string().nullable(),
    day: z.string().nullable(),
    lane: z.enum(LANES).nullable(),
    batch: z.string().nullable(),
    requests: z.int(),
    succeeded: z.int(),
    failed: z.int(),
    input_tokens: z.int(),
    cached_input_tokens: z.int(),
    output_tokens: z.int(),
    cost_micro_usd: z.int(),
  })
  .meta({ id: 'UsageRow' });

export const modelLimitsSchema = z
  .object({
    model: z.string(),
    provider: z.string(),
    lanes: z.array(z.enum(LANES)),
    limits: z.array(
      z.object({
        name: z.enum(['requests', 'input_tokens', 'output_tokens', 'total_tokens']),
        configured_per_minute: z.int().nullable(),
        per_minute: z.int().meta({ description: 'As now believed; headers teach it' }),
        allowed_per_minute: z.int().meta({ description: 'After caution following refusals' }),
        burst: z.int(),
        available: z.int().meta({ description: 'Below 0 when more was used than reserved' }),
      }),
    ),
    concurrency: z.int().nullable(),
    paused_until_ms: z.int().nullable(),
  })
  .meta({ id: 'ModelLimits' });
