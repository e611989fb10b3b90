/** The HTTP API's own objects: what it takes, checked strictly, and what it gives. */

import * as z from 'zod';
import { SCOPES } from '../domain/api-key.ts';
import {
  COMPLETION_WINDOW_HINT,
  parseCompletionWindow,
} from '../domain/lanes/completion-window.ts';
import { LANES } from '../domain/lanes/lane.ts';
import { ENDPOINTS } from '../domain/requests/request.ts';
import { BATCH_EVENTS, WEBHOOK_EVENTS } from '../domain/webhooks/webhook-event.ts';
import { DIALECTS } from './config-schema.ts';
import {
  DEFAULT_PAGE,
  MAX_BODY_BYTES,
  MAX_CUSTOM_ID_LENGTH,
  MAX_IDEMPOTENCY_KEY_LENGTH,
  MAX_NAME_LENGTH,
  MAX_PAGE,
  MAX_TAG_LENGTH,
  MAX_TAGS,
  MAX_WAIT_SECONDS,
} from './limits.ts';
import { problemSchema } from './problem.ts';

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

/** Becomes part of names in stores, so it holds nothing that could separate them. */
const nameSchema = z
  .string()
  .max(MAX_NAME_LENGTH)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/, {
    error: 'must be a name: letters, digits, and . _ : - inside',
  });

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

const tagsSchema = z.array(label(MAX_TAG_LENGTH)).max(MAX_TAGS);

/** What holds for all requests of a call, unless one says otherwise. */
export const submitQuerySchema = z.strictObject({
  batch: nameSchema
    .optional()
    .meta({ description: 'Batch they belong to; the Penstock-Batch header says the same' }),
  tags: z
    .string()
    .transform((text) => text.split(','))
    .pipe(tagsSchema)
    .optional()
    .meta({ description: 'Separated by commas, for requests that name none' }),
  completion_window: completionWindowSchema.optional(),
  lane: z.enum(LANES).optional(),
  priority: z.enum(PRIORITY_NAMES).optional(),
});

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

export const resultsQuerySchema = listQuerySchema.omit({ model: true }).extend({
  after: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'The penstock-next header of the page before' }),
  limit: queryNumber(1, MAX_PAGE)
    .default(MAX_PAGE)
    .meta({ description: 'Most requests to look at; a page ends sooner where lines are long' }),
});

export const countsQuerySchema = z.strictObject({ batch: z.string().min(1).optional() });

export const usageQuerySchema = z.strictObject({
  batch: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Only of this batch; rows are then grouped by batch too' }),
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

/** What is planned for a request that has not ended. */
const planSchema = z
  .object({
    lane: z.enum(LANES).meta({ description: 'Where it waits' }),
    expected_finish_at_ms: z
      .int()
      .nullable()
      .meta({ description: 'When it ends as often as not; null when nobody can tell' }),
    escalate_at_ms: z
      .int()
      .nullable()
      .meta({ description: 'When it leaves the native lane for a quicker one' }),
    meets_deadline: z.boolean(),
    why: z.string().meta({ description: 'One sentence, with the numbers it was decided by' }),
  })
  .meta({ id: 'Plan' });

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
    plan: planSchema.nullable().meta({ description: 'null once it has ended' }),
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

/** How many requests are in each state. */
export const countsSchema = z
  .object({
    object: z.literal('counts'),
    batch: z.string().nullable(),
    total: z.int(),
    queued: z.int(),
    running: z.int(),
    succeeded: z.int(),
    failed: z.int(),
    cancelled: z.int(),
    expired: z.int(),
  })
  .meta({ id: 'Counts' });

export const submittedItemSchema = z
  .object({
    index: z.int(),
    id: z.string().nullable(),
    status: z.enum(['accepted', 'replayed', 'refused']),
    error: problemSchema.nullable(),
  })
  .meta({ id: 'SubmittedItem', description: 'What became of the submission at that index' });

export const submittedListSchema = z
  .object({
    object: z.literal('list'),
    batch: z.string().nullable(),
    accepted: z.int().meta({ description: 'Replayed ones included' }),
    replayed: z.int(),
    refused: z.int(),
    data: z.array(submittedItemSchema),
  })
  .meta({ id: 'SubmittedList' });

export type SubmittedList = z.infer<typeof submittedListSchema>;

/** How large a body is going to be uploaded. */
export const uploadWishSchema = z.strictObject({ bytes: z.int().min(1).max(MAX_BODY_BYTES) });

/** Where to PUT a body, with which headers. */
export const uploadTargetSchema = z
  .object({
    object: z.literal('upload'),
    id: z.string(),
    url: z.string(),
    method: z.literal('PUT'),
    headers: z.record(z.string(), z.string()),
    expires_at_ms: z.int(),
  })
  .meta({ id: 'UploadTarget' });

/** A key to make. */
export const keyWishSchema = z
  .strictObject({
    tenant: nameSchema.meta({ description: 'Whose requests it submits and sees' }),
    name: label(MAX_NAME_LENGTH).or(z.literal('')).default('').meta({ description: 'For people' }),
    scopes: z.array(z.enum(SCOPES)).min(1).default(['read', 'write']),
    monthly_budget_micro_usd: z.int().min(0).nullable().default(null),
  })
  .meta({ id: 'KeyWish' });

/** A key as it is listed. */
export const apiKeySchema = z
  .object({
    object: z.literal('key'),
    id: z.string(),
    tenant: z.string(),
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    monthly_budget_micro_usd: z.int().nullable(),
    created_at_ms: z.int(),
    revoked_at_ms: z.int().nullable(),
  })
  .meta({ id: 'ApiKey' });

export const keyListSchema = z.object({ object: z.literal('list'), data: z.array(apiKeySchema) });

export const createdKeySchema = apiKeySchema
  .extend({ key: z.string().meta({ description: 'The key itself, shown this once' }) })
  .meta({ id: 'CreatedApiKey' });

/** A model as OpenAI lists them, and what Penstock knows of it besides. */
export const modelSchema = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.string(),
    x_penstock: z.object({
      dialect: z.enum(DIALECTS),
      lanes: z.array(z.enum(LANES)),
      context_window: z.int().nullable(),
      max_output_tokens: z.int().nullable(),
    }),
  })
  .meta({ id: 'Model' });

export const limitsListSchema = z.object({
  object: z.literal('list'),
  data: z.array(modelLimitsSchema),
});

export const usageListSchema = z.object({
  object: z.literal('list'),
  data: z.array(usageRowSchema),
});

export const healthSchema = z.object({
  status: z.enum(['ok', 'degraded']),
  providers_held: z.array(z.object({ provider: z.string(), code: z.string(), reason: z.string() })),
});

/** Which of the messages given up are sent on again. */
export const redriveQuerySchema = z.strictObject({
  limit: queryNumber(1, MAX_PAGE).default(MAX_PAGE).meta({ description: 'Most to send' }),
});

export const redriveReportSchema = z
  .object({
    object: z.literal('redrive'),
    moved: z.int().meta({ description: 'Sent back to their queue' }),
    left: z.int().meta({ description: 'Could not be sent, and are still kept' }),
  })
  .meta({ id: 'RedriveReport' });

const webhookEventsSchema = z
  .array(z.enum(WEBHOOK_EVENTS))
  .min(1)
  .max(WEBHOOK_EVENTS.length)
  .meta({ description: 'What it is told; request.completed only where it is named' });

/** Where to be told of what has ended. */
export const webhookWishSchema = z
  .strictObject({
    url: z
      .string()
      .min(1)
      .meta({
        description: 'https, a public host, port 443',
        examples: ['https://example.com/penstock'],
      }),
    events: webhookEventsSchema.default([...BATCH_EVENTS]),
  })
  .meta({ id: 'WebhookWish' });

export const webhookChangeSchema = z
  .strictObject({
    url: z.string().min(1).optional(),
    events: webhookEventsSchema.optional(),
    disabled: z
      .boolean()
      .optional()
      .meta({ description: 'true sends nothing more; false starts again, after a 410 too' }),
  })
  .meta({ id: 'WebhookChange' });

export const webhookSchema = z
  .object({
    object: z.literal('webhook'),
    id: z.string(),
    url: z.string(),
    events: z.array(z.enum(WEBHOOK_EVENTS)),
    disabled: z
      .object({
        reason: z.enum(['requested', 'gone']).meta({ description: 'gone: it answered 410' }),
        at_ms: z.int(),
      })
      .nullable(),
    created_at_ms: z.int(),
    last_secret_until_ms: z
      .int()
      .nullable()
      .meta({ description: 'Until when the secret before the last rotation signs too' }),
  })
  .meta({ id: 'Webhook' });

export const webhookListSchema = z.object({
  object: z.literal('list'),
  data: z.array(webhookSchema),
});

export const toldWebhookSchema = webhookSchema
  .extend({
    secret: z.string().meta({ description: 'What messages are signed with, shown this once' }),
  })
  .meta({ id: 'WebhookWithSecret' });

/** One event and how its sending went. */
export const webhookDeliverySchema = z
  .object({
    object: z.literal('webhook.delivery'),
    event_id: z.string().meta({ description: 'Sent as webhook-id, on every try' }),
    type: z.enum(WEBHOOK_EVENTS),
    status: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.int(),
    next_attempt_at_ms: z.int().nullable(),
    fault: z.string().nullable().meta({ description: 'What was wrong with the last try' }),
    created_at_ms: z.int(),
  })
  .meta({ id: 'WebhookDelivery' });

export const webhookDeliveryListSchema = z.object({
  object: z.literal('list'),
  data: z.array(webhookDeliverySchema),
});

export const webhookReceiptSchema = z
  .object({ received: z.literal(true) })
  .meta({ id: 'WebhookReceipt' });
