/** `/v1/batches` as OpenAI has it, and what Penstock takes beyond it. */

import * as z from 'zod';
import {
  DEFAULT_BATCH_PAGE,
  DEFAULT_FILE_LIFE_MS,
  MAX_BATCH_PAGE,
} from '../../../shared/contracts/limits.ts';
import {
  batchSchema,
  pageSchema,
  renderBatch,
  renderPage,
} from '../../../shared/contracts/openai-batches.ts';
import { openAiErrorSchema, openAiRefusal } from '../../../shared/contracts/openai-error.ts';
import {
  COMPLETION_WINDOW_HINT,
  parseCompletionWindow,
} from '../../../shared/domain/lanes/completion-window.ts';
import { LANES } from '../../../shared/domain/lanes/lane.ts';
import { ENDPOINTS, PRIORITIES } from '../../../shared/domain/requests/request.ts';
import type { ManageBatches } from '../../../shared/usecases/batches/manage-batches.ts';
import type { ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';
import {
  objectOf,
  readCursor,
  readExpiry,
  readLimit,
  readMetadata,
  requiredText,
} from '../openai-fields.ts';
import { bodyFormat, parseJson, readBytes } from '../read-body.ts';
import { sendJson } from '../respond.ts';
import { readIdempotencyKey } from './submissions.ts';

export interface BatchRoutesDeps {
  readonly manageBatches: ManageBatches;
  /** Unit: bytes. */
  readonly maxBodyBytes: number;
}

const FIELDS = [
  'input_file_id',
  'endpoint',
  'completion_window',
  'metadata',
  'output_expires_after',
  'x_penstock',
];
const STRICT_KEY = 'penstock_strict';
const idParams = z.object({ id: z.string() });

/** What may be asked for beyond OpenAI's fields. */
export const batchOptionsSchema = z
  .strictObject({
    strict: z
      .boolean()
      .default(false)
      .meta({ description: 'Fail a batch whose completion window cannot be met' }),
    mixed_endpoints: z
      .boolean()
      .default(false)
      .meta({ description: 'Let lines name other endpoints than the batch does' }),
    bad_lines: z
      .enum(['reject', 'skip'])
      .default('reject')
      .meta({ description: 'Whether a bad line fails the batch, or only itself' }),
    lane: z.enum(LANES).nullable().default(null),
    priority: z.enum(['interactive', 'standard', 'bulk']).default('bulk'),
    tags: z.array(z.string().min(1).max(64)).max(16).default([]),
  })
  .meta({ id: 'BatchOptions' });

const wishSchema = z.object({
  input_file_id: z.string(),
  endpoint: z.enum(ENDPOINTS),
  completion_window: z.string().meta({ description: COMPLETION_WINDOW_HINT }),
  metadata: z.record(z.string(), z.string()).nullable().optional(),
  output_expires_after: z
    .object({ anchor: z.literal('created_at'), seconds: z.int().min(3_600).max(2_592_000) })
    .optional(),
  x_penstock: batchOptionsSchema.optional(),
});

export function batchRoutes({ manageBatches, maxBodyBytes }: BatchRoutesDeps): ApiRoute[] {
  const create: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/batches',
      summary: "Make a batch of a file's lines",
      description:
        'As OpenAI has it, and beyond it: any completion window, any configured models mixed in one file, more than 50,000 lines, and output that can be read while the batch runs.',
      request: {
        headers: z.object({ 'idempotency-key': z.string().optional() }),
        body: { content: { 'application/json': { schema: wishSchema } } },
      },
      responses: { 200: json('The batch', batchSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, principal }) {
      bodyFormat(context.req.raw.headers, false);
      const idempotencyKey = readIdempotencyKey(context.req.raw.headers);
      const body = objectOf(parseJson(await readBytes(context.req.raw, maxBodyBytes)), FIELDS);
      const inputFileId = requiredText(body, 'input_file_id');
      const endpoint = requiredText(body, 'endpoint');
      const completionWindow = requiredText(body, 'completion_window');
      if (!ENDPOINTS.some((known) => known === endpoint)) {
        const known = ENDPOINTS.map((name) => `'${name}'`).join(', ');
        const message = `Invalid value: '${endpoint.slice(0, 80)}'. Supported values are: ${known}.`;
        throw openAiRefusal(message, 'endpoint', 'invalid_value');
      }
      const windowMs = parseCompletionWindow(completionWindow);
      if (windowMs === null) {
        const message = `Invalid value: '${completionWindow.slice(0, 80)}'. Value must be ${COMPLETION_WINDOW_HINT}.`;
        throw openAiRefusal(message, 'completion_window', 'invalid_value');
      }
      const metadata = readMetadata(body['metadata']);
      const options = checkInput(z.object({ x_penstock: batchOptionsSchema.prefault({}) }), {
        x_penstock: body['x_penstock'] ?? undefined,
      }).x_penstock;
      const found = await manageBatches.fromFile(
        {
          caller: principal,
          endpoint,
          completionWindow,
          windowMs,
          metadata,
          options: {
            isStrict: options.strict || metadata?.[STRICT_KEY] === 'true',
            mixesEndpoints: options.mixed_endpoints,
            skipsBadLines: options.bad_lines === 'skip',
            lane: options.lane,
            priority: PRIORITIES[options.priority],
            tags: options.tags,
          },
          outputLifeMs:
            readExpiry(body['output_expires_after'], 'output_expires_after') ??
            DEFAULT_FILE_LIFE_MS,
          idempotencyKey,
        },
        inputFileId,
      );
      return sendJson(context, 200, JSON.stringify(renderBatch(found.batch, found.counts)));
    },
  };

  const list: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/batches',
      summary: 'List batches, newest first',
      request: {
        query: z.object({
          after: z
            .string()
            .optional()
            .meta({ description: 'Id of the last batch of the page before' }),
          limit: z.int().min(1).max(MAX_BATCH_PAGE).optional(),
        }),
      },
      responses: { 200: json('One page', pageSchema(batchSchema)), default: refused },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const { limit, ...query } = context.req.query();
      const after = readCursor(query['after'], 'after');
      const { items, hasMore } = await manageBatches.list({
        tenant,
        kind: 'openai',
        limit: readLimit(limit, DEFAULT_BATCH_PAGE, MAX_BATCH_PAGE),
        ...(after === undefined ? {} : { after }),
      });
      const data = items.map(({ batch, counts }) => renderBatch(batch, counts));
      return sendJson(context, 200, JSON.stringify(renderPage(data, hasMore)));
    },
  };

  const retrieve: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/batches/{id}',
      summary: 'Look at a batch',
      request: { params: idParams },
      responses: { 200: json('The batch', batchSchema), default: refused },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      const { batch, counts } = await manageBatches.get(tenant, 'openai', id);
      return sendJson(context, 200, JSON.stringify(renderBatch(batch, counts)));
    },
  };

  const cancel: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/batches/{id}/cancel',
      summary: 'Cancel a batch; what was answered is kept',
      request: { params: idParams },
      responses: { 200: json('The batch', batchSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      const { batch, counts } = await manageBatches.cancel(tenant, 'openai', id);
      return sendJson(context, 200, JSON.stringify(renderBatch(batch, counts)));
    },
  };

  return [create, list, retrieve, cancel];
}

const refused = json('Refused', openAiErrorSchema);

function json(description: string, schema: z.ZodType) {
  return { description, content: { 'application/json': { schema } } };
}
