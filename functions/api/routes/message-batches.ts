/** `/v1/messages/batches` as Anthropic has it. */

import { createHash } from 'node:crypto';
import * as z from 'zod';
import {
  DEFAULT_BATCH_PAGE,
  DEFAULT_FILE_LIFE_MS,
  MAX_MESSAGE_BATCH_KEYS,
  MAX_MESSAGE_BATCH_REQUESTS,
  MAX_PAGE,
} from '../../../shared/contracts/limits.ts';
import {
  deletedMessageBatchSchema,
  messageBatchPageSchema,
  messageBatchSchema,
  renderMessageBatch,
} from '../../../shared/contracts/message-batches.ts';
import { anthropicErrorSchema } from '../../../shared/contracts/openai-error.ts';
import { hasEnded, NO_OPTIONS } from '../../../shared/domain/batches/batch.ts';
import { AppError } from '../../../shared/domain/errors.ts';
import { PRIORITIES } from '../../../shared/domain/requests/request.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { ManageBatches } from '../../../shared/usecases/batches/manage-batches.ts';
import type { OpenResults } from '../../../shared/usecases/batches/open-results.ts';
import type { ApiRoute } from '../call.ts';
import { isObject, readCursor } from '../openai-fields.ts';
import { publicBaseUrl } from '../public-base-url.ts';
import { bodyFormat, parseJson, readBytes } from '../read-body.ts';
import { sendJson } from '../respond.ts';
import { streamOf } from './files.ts';
import { readIdempotencyKey } from './submissions.ts';

export interface MessageBatchRoutesDeps {
  readonly manageBatches: ManageBatches;
  readonly openResults: OpenResults;
  readonly clock: Clock;
  /** Unit: bytes. */
  readonly maxBatchBytes: number;
}

const PATH = '/v1/messages/batches';
const CUSTOM_ID = /^[a-zA-Z0-9_-]{1,64}$/;
const WINDOW = '24h';
const WINDOW_MS = 86_400_000;
/** When Anthropic wants to be asked again. Unit: seconds. */
const POLL_SECONDS = '10';
const idParams = z.object({ id: z.string() });

const wishSchema = z.object({
  requests: z
    .array(
      z.object({
        custom_id: z.string().regex(CUSTOM_ID),
        params: z.record(z.string(), z.unknown()).meta({ description: 'A body of /v1/messages' }),
      }),
    )
    .min(1)
    .max(MAX_MESSAGE_BATCH_REQUESTS),
});

export function messageBatchRoutes(deps: MessageBatchRoutesDeps): ApiRoute[] {
  const { manageBatches, openResults, clock, maxBatchBytes } = deps;
  const otherWay = 'Send the requests as several batches';

  const create: ApiRoute = {
    config: {
      method: 'post',
      path: PATH,
      summary: 'Make a batch of messages',
      description: `At most ${MAX_MESSAGE_BATCH_REQUESTS} requests and ${maxBatchBytes} bytes. What is wrong with the params of a request fails that request alone.`,
      request: {
        headers: z.object({ 'idempotency-key': z.string().optional() }),
        body: { content: { 'application/json': { schema: wishSchema } } },
      },
      responses: { 200: json('The batch', messageBatchSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, principal }) {
      bodyFormat(context.req.raw.headers, false);
      const idempotencyKey = readIdempotencyKey(context.req.raw.headers);
      const bytes = await readBytes(context.req.raw, maxBatchBytes, otherWay);
      const lines = readRequests(parseJson(bytes, MAX_MESSAGE_BATCH_KEYS));
      const content = Buffer.from(lines.join('\n'));
      const batch = {
        caller: principal,
        endpoint: '/v1/messages',
        completionWindow: WINDOW,
        windowMs: WINDOW_MS,
        metadata: null,
        options: { ...NO_OPTIONS, skipsBadLines: true, priority: PRIORITIES.bulk },
        outputLifeMs: DEFAULT_FILE_LIFE_MS,
        idempotencyKey,
      };
      const fingerprint = createHash('sha256').update(content).digest('base64url');
      const found = await manageBatches.fromLines(batch, content, lines.length, fingerprint);
      const shown = renderMessageBatch(found.batch, publicBaseUrl(context), clock.nowMs());
      return sendJson(context, 200, JSON.stringify(shown));
    },
  };

  const list: ApiRoute = {
    config: {
      method: 'get',
      path: PATH,
      summary: 'List message batches, newest first',
      request: {
        query: z.object({
          after_id: z.string().optional().meta({ description: 'Older than this one' }),
          before_id: z.string().optional().meta({ description: 'Newer than this one' }),
          limit: z.int().min(1).max(MAX_PAGE).optional(),
        }),
      },
      responses: { 200: json('One page', messageBatchPageSchema), default: refused },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const { limit, ...query } = context.req.query();
      const after = readCursor(query['after_id'], 'after_id');
      const before = readCursor(query['before_id'], 'before_id');
      const { items, hasMore } = await manageBatches.list({
        tenant,
        kind: 'anthropic',
        limit: readLimit(limit),
        ...(after === undefined ? {} : { after }),
        ...(before === undefined ? {} : { before }),
      });
      const baseUrl = publicBaseUrl(context);
      const data = items.map(({ batch }) => renderMessageBatch(batch, baseUrl, clock.nowMs()));
      const page: z.infer<typeof messageBatchPageSchema> = {
        data,
        has_more: hasMore,
        first_id: data[0]?.id ?? null,
        last_id: data.at(-1)?.id ?? null,
      };
      return sendJson(context, 200, JSON.stringify(page));
    },
  };

  const retrieve: ApiRoute = {
    config: {
      method: 'get',
      path: `${PATH}/{id}`,
      summary: 'Look at a message batch',
      request: { params: idParams },
      responses: { 200: json('The batch', messageBatchSchema), default: refused },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      const { batch } = await manageBatches.get(tenant, 'anthropic', id);
      const shown = renderMessageBatch(batch, publicBaseUrl(context), clock.nowMs());
      const headers = hasEnded(batch.status) ? {} : { 'retry-after': POLL_SECONDS };
      return sendJson(context, 200, JSON.stringify(shown), headers);
    },
  };

  const cancel: ApiRoute = {
    config: {
      method: 'post',
      path: `${PATH}/{id}/cancel`,
      summary: 'Cancel a message batch; what was answered is kept',
      request: { params: idParams },
      responses: { 200: json('The batch', messageBatchSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      const { batch } = await manageBatches.cancel(tenant, 'anthropic', id);
      const shown = renderMessageBatch(batch, publicBaseUrl(context), clock.nowMs());
      return sendJson(context, 200, JSON.stringify(shown));
    },
  };

  const remove: ApiRoute = {
    config: {
      method: 'delete',
      path: `${PATH}/{id}`,
      summary: 'Delete a message batch that has ended',
      request: { params: idParams },
      responses: { 200: json('Deleted', deletedMessageBatchSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      await manageBatches.delete(tenant, 'anthropic', id);
      const deleted: z.infer<typeof deletedMessageBatchSchema> = {
        id,
        type: 'message_batch_deleted',
      };
      return sendJson(context, 200, JSON.stringify(deleted));
    },
  };

  const results: ApiRoute = {
    config: {
      method: 'get',
      path: `${PATH}/{id}/results`,
      summary: 'Read the results of a message batch that has ended, one a line',
      request: { params: idParams },
      responses: {
        200: {
          description: 'Result lines',
          content: { 'application/x-jsonl': { schema: z.string() } },
        },
        default: refused,
      },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      const { batch } = await manageBatches.get(tenant, 'anthropic', id);
      if (!hasEnded(batch.status)) {
        const message = `${id} has not ended yet: its results are there once processing_status is "ended"`;
        throw new AppError('not_found', message);
      }
      const opened = await openResults(batch);
      if (opened.kind === 'elsewhere') return context.redirect(opened.url, 307);
      return context.body(streamOf(opened.content), 200, {
        'content-type': 'application/x-jsonl',
        'content-disposition': `attachment; filename="${id}_results.jsonl"`,
      });
    },
  };

  return [create, list, retrieve, cancel, remove, results];
}

/** The requests as lines of a batch's input; their names are checked here, their params later. */
function readRequests(body: unknown): string[] {
  const requests = isObject(body) ? body['requests'] : undefined;
  if (requests === undefined) throw invalid('requests: Field required');
  if (!Array.isArray(requests)) throw invalid('requests: Input should be a valid list');
  const { length } = requests;
  if (length === 0) {
    throw invalid('requests: List should have at least 1 item after validation, not 0');
  }
  if (length > MAX_MESSAGE_BATCH_REQUESTS) {
    throw invalid(
      `requests: List should have at most ${MAX_MESSAGE_BATCH_REQUESTS} items after validation, not ${length}`,
    );
  }
  const seen = new Set<string>();
  return requests.map((request: unknown, index) => {
    const path = `requests.${index}`;
    const { custom_id: customId, params } = isObject(request) ? request : {};
    if (customId === undefined) throw invalid(`${path}.custom_id: Field required`);
    if (typeof customId !== 'string') {
      throw invalid(`${path}.custom_id: Input should be a valid string`);
    }
    if (!CUSTOM_ID.test(customId)) {
      throw invalid(`${path}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'`);
    }
    if (seen.has(customId)) {
      throw invalid(`${path}.custom_id: Duplicate custom_id '${customId}'; each must be unique`);
    }
    if (!isObject(params)) throw invalid(`${path}.params: Field required`);
    seen.add(customId);
    return JSON.stringify({
      custom_id: customId,
      method: 'POST',
      url: '/v1/messages',
      body: params,
    });
  });
}

function readLimit(written: string | undefined): number {
  if (written === undefined) return DEFAULT_BATCH_PAGE;
  const limit = Number(written);
  if (/^[0-9]{1,6}$/.test(written) && limit >= 1 && limit <= MAX_PAGE) return limit;
  throw invalid(`limit: Input should be a whole number from 1 to ${MAX_PAGE}`);
}

function invalid(message: string): AppError {
  return new AppError('invalid_request', message);
}

const refused = json('Refused', anthropicErrorSchema);

function json(description: string, schema: z.ZodType) {
  return { description, content: { 'application/json': { schema } } };
}
