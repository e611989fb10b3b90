/** `/v1/requests`: submit one or many, look at them, cancel them. */

import { z } from 'zod';
import {
  getQuerySchema,
  idempotencyKeySchema,
  listQuerySchema,
  requestListSchema,
  requestSchema,
  requestSummarySchema,
  submissionSchema,
} from '../../../shared/contracts/api.ts';
import { MAX_REQUESTS_PER_CALL } from '../../../shared/contracts/limits.ts';
import { problemSchema, toProblem } from '../../../shared/contracts/problem.ts';
import { AppError } from '../../../shared/domain/errors.ts';
import { isTerminal } from '../../../shared/domain/request-state.ts';
import type { CancelRequest } from '../../../shared/usecases/cancel-request.ts';
import type { GetRequest } from '../../../shared/usecases/get-request.ts';
import type { ListRequests } from '../../../shared/usecases/list-requests.ts';
import type { Submission, SubmitRequests } from '../../../shared/usecases/submit-requests.ts';
import type { ApiCall, ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';
import { parseSubmissionLines, parseSubmissions } from '../parse-submissions.ts';
import { bodyFormat, readBytes } from '../read-body.ts';
import { renderRequest, summarise } from '../render-request.ts';
import { sendJson } from '../respond.ts';

export interface RequestRoutesDeps {
  readonly submitRequests: SubmitRequests;
  readonly getRequest: GetRequest;
  readonly listRequests: ListRequests;
  readonly cancelRequest: CancelRequest;
  /** Unit: bytes. */
  readonly maxBodyBytes: number;
}

const idempotencyHeaders = z.object({ 'idempotency-key': idempotencyKeySchema.optional() });
const idParams = z.object({ id: z.string() });

const submittedItemSchema = z
  .object({
    index: z.int(),
    id: z.string().nullable(),
    status: z.enum(['accepted', 'replayed', 'refused']),
    error: problemSchema.nullable(),
  })
  .meta({ id: 'SubmittedItem', description: 'What became of the submission at that index' });

const submittedListSchema = z.object({
  object: z.literal('list'),
  accepted: z.int(),
  refused: z.int(),
  data: z.array(submittedItemSchema),
});

export function requestRoutes(deps: RequestRoutesDeps): ApiRoute[] {
  return [submitRoute(deps), listRoute(deps), getRoute(deps), cancelRoute(deps)];
}

function submitRoute({ submitRequests, getRequest, maxBodyBytes }: RequestRoutesDeps): ApiRoute {
  return {
    config: {
      method: 'post',
      path: '/v1/requests',
      summary: 'Submit one request, an array of them, or one a line',
      description: `At most ${MAX_REQUESTS_PER_CALL} in one call. Many are judged one by one: the answer lists them by index.`,
      request: {
        headers: idempotencyHeaders,
        body: {
          content: {
            'application/json': {
              schema: z.union([submissionSchema, z.array(submissionSchema)]),
            },
            'application/jsonl': { schema: submissionSchema },
          },
        },
      },
      responses: {
        200: json('Accepted before under the same key, and ended', requestSchema),
        202: json('Accepted', z.union([requestSchema, submittedListSchema])),
        default: problem,
      },
    },
    scope: 'write',
    async handle(call) {
      const { headers } = call.context.req.raw;
      const format = bodyFormat(headers, true);
      const key = readIdempotencyKey(headers);
      const bytes = await readBytes(call.context.req.raw, maxBodyBytes);
      const parsed =
        format === 'lines' ? parseSubmissionLines(bytes, key) : parseSubmissions(bytes, key);
      return parsed.kind === 'one'
        ? submitOne(call, parsed.submission)
        : submitMany(call, parsed.submissions);
    },
  };

  async function submitOne(call: ApiCall, submission: Submission): Promise<Response> {
    const [outcome] = await submitRequests(call.principal, [submission]);
    if (outcome === undefined) throw new AppError('internal', 'The submission has no outcome');
    if (outcome.kind === 'refused') throw outcome.error;
    const found = await getRequest(call.tenant, outcome.id);
    return sendJson(call.context, isTerminal(found.view.status) ? 200 : 202, renderRequest(found), {
      location: `/v1/requests/${outcome.id}`,
      ...(outcome.isReplay ? { 'idempotency-replayed': 'true' } : {}),
    });
  }

  async function submitMany(
    { context, principal }: ApiCall,
    items: readonly (Submission | AppError)[],
  ): Promise<Response> {
    const wellFormed = items.filter((item): item is Submission => !(item instanceof AppError));
    const outcomes = (await submitRequests(principal, wellFormed)).values();
    const data = items.map((item, index): z.infer<typeof submittedItemSchema> => {
      const outcome =
        item instanceof AppError
          ? { kind: 'refused' as const, error: item }
          : outcomes.next().value;
      if (outcome === undefined) throw new AppError('internal', 'A submission has no outcome');
      if (outcome.kind === 'refused') {
        return { index, id: null, status: 'refused', error: toProblem(outcome.error) };
      }
      const status = outcome.isReplay ? 'replayed' : 'accepted';
      return { index, id: outcome.id, status, error: null };
    });
    const refused = data.filter(({ status }) => status === 'refused').length;
    const list = { object: 'list', accepted: data.length - refused, refused, data };
    if (refused < data.length) return sendJson(context, 202, JSON.stringify(list));
    const error = new AppError('invalid_request', `None of the ${refused} requests was accepted`);
    const body = JSON.stringify({
      ...toProblem(error, { instance: context.get('callId') }),
      ...list,
    });
    return sendJson(context, 400, body, { 'content-type': 'application/problem+json' });
  }
}

function getRoute({ getRequest }: RequestRoutesDeps): ApiRoute {
  return {
    config: {
      method: 'get',
      path: '/v1/requests/{id}',
      summary: 'Look at a request, and at its answer once there is one',
      request: { params: idParams, query: getQuerySchema },
      responses: { 200: json('The request', requestSchema), default: problem },
    },
    scope: 'read',
    async handle({ context, tenant, signal }) {
      const { wait } = checkInput(getQuerySchema, context.req.query());
      const waiting = wait === undefined ? undefined : { waitMs: wait * 1_000, signal };
      const found = await getRequest(tenant, context.req.param('id') ?? '', waiting);
      return sendJson(context, 200, renderRequest(found));
    },
  };
}

function listRoute({ listRequests }: RequestRoutesDeps): ApiRoute {
  return {
    config: {
      method: 'get',
      path: '/v1/requests',
      summary: 'List requests, newest first, without their answers',
      request: { query: listQuerySchema },
      responses: { 200: json('One page', requestListSchema), default: problem },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const { tag, status, model, batch, after, limit } = checkInput(
        listQuerySchema,
        context.req.query(),
      );
      const { items, hasMore } = await listRequests({
        tenant,
        limit,
        ...(tag === undefined ? {} : { tag }),
        ...(status === undefined ? {} : { status }),
        ...(model === undefined ? {} : { model }),
        ...(batch === undefined ? {} : { batchId: batch }),
        ...(after === undefined ? {} : { after }),
      });
      const page: z.infer<typeof requestListSchema> = {
        object: 'list',
        data: items.map(summarise),
        has_more: hasMore,
        first_id: items[0]?.id ?? null,
        last_id: items.at(-1)?.id ?? null,
      };
      return sendJson(context, 200, JSON.stringify(page));
    },
  };
}

function cancelRoute({ cancelRequest, getRequest }: RequestRoutesDeps): ApiRoute {
  return {
    config: {
      method: 'delete',
      path: '/v1/requests/{id}',
      summary: 'Cancel a request that has not ended',
      request: { params: idParams },
      responses: { 200: json('The cancelled request', requestSummarySchema), default: problem },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      await cancelRequest(tenant, id);
      return sendJson(context, 200, renderRequest(await getRequest(tenant, id)));
    },
  };
}

/** The header, checked. @throws {AppError} `invalid_request` when it is no key. */
export function readIdempotencyKey(headers: Headers): string | null {
  const key = headers.get('idempotency-key') ?? undefined;
  return checkInput(idempotencyHeaders, { 'idempotency-key': key })['idempotency-key'] ?? null;
}

const problem = json('Refused', problemSchema, 'application/problem+json');

function json(description: string, schema: z.ZodType, type = 'application/json') {
  return { description, content: { [type]: { schema } } };
}
