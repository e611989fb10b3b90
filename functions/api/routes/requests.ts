/** `/v1/requests`: look at requests, count them, cancel them. Submitting: submissions.ts. */

import * as z from 'zod';
import {
  countsQuerySchema,
  countsSchema,
  getQuerySchema,
  listQuerySchema,
  requestListSchema,
  requestSchema,
  requestSummarySchema,
} from '../../../shared/contracts/api.ts';
import { problemSchema } from '../../../shared/contracts/problem.ts';
import type { StatusCounts } from '../../../shared/ports/request-store.ts';
import type { CancelRequest } from '../../../shared/usecases/cancel-request.ts';
import type { GetRequest } from '../../../shared/usecases/get-request.ts';
import type { ListRequests } from '../../../shared/usecases/list-requests.ts';
import type { ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';
import { renderRequest, summarise } from '../render-request.ts';
import { sendJson } from '../respond.ts';

export interface RequestRoutesDeps {
  readonly getRequest: GetRequest;
  readonly listRequests: ListRequests;
  readonly cancelRequest: CancelRequest;
  readonly countRequests: (tenant: string, batchId?: string) => Promise<StatusCounts>;
}

const idParams = z.object({ id: z.string() });

export function requestRoutes(deps: RequestRoutesDeps): ApiRoute[] {
  // The counts before the ids: the first route that fits a path answers.
  return [listRoute(deps), countsRoute(deps), getRoute(deps), cancelRoute(deps)];
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
        first_id: items[0]?.view.id ?? null,
        last_id: items.at(-1)?.view.id ?? null,
      };
      return sendJson(context, 200, JSON.stringify(page));
    },
  };
}

function countsRoute({ countRequests }: RequestRoutesDeps): ApiRoute {
  return {
    config: {
      method: 'get',
      path: '/v1/requests/counts',
      summary: 'How many requests are in each state',
      request: { query: countsQuerySchema },
      responses: { 200: json('Counted', countsSchema), default: problem },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const { batch } = checkInput(countsQuerySchema, context.req.query());
      const counts = await countRequests(tenant, batch);
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
      const shown: z.infer<typeof countsSchema> = {
        object: 'counts',
        batch: batch ?? null,
        total,
        ...counts,
      };
      return sendJson(context, 200, JSON.stringify(shown));
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

const problem = json('Refused', problemSchema, 'application/problem+json');

function json(description: string, schema: z.ZodType, type = 'application/json') {
  return { description, content: { [type]: { schema } } };
}
