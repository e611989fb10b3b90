/** `/v1/results`: answers in bulk. */

import * as z from 'zod';
import { resultsQuerySchema } from '../../../shared/contracts/api.ts';
import { MAX_RESULT_PAGE_BYTES } from '../../../shared/contracts/limits.ts';
import { problemSchema } from '../../../shared/contracts/problem.ts';
import type { ReadResults } from '../../../shared/usecases/read-results.ts';
import type { ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';

export interface ResultRoutesDeps {
  readonly readResults: ReadResults;
}

const LINE_FEED = Buffer.from('\n');

export function resultRoutes({ readResults }: ResultRoutesDeps): ApiRoute[] {
  const results: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/results',
      summary: 'Result lines of requests that have ended, newest first',
      description:
        'OpenAI batch output lines, as penstock run writes them. Where more is left, the penstock-next header holds what to send as after. Requests that have not ended are passed over.',
      request: { query: resultsQuerySchema },
      responses: {
        200: {
          description: 'One page, a line for each request',
          headers: z.object({ 'penstock-next': z.string().optional() }),
          content: { 'application/jsonl': { schema: z.string() } },
        },
        default: {
          description: 'Refused',
          content: { 'application/problem+json': { schema: problemSchema } },
        },
      },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const query = checkInput(resultsQuerySchema, context.req.query());
      const { tag, status, batch, after, limit } = query;
      const filter = {
        tenant,
        limit,
        ...(tag === undefined ? {} : { tag }),
        ...(status === undefined ? {} : { status }),
        ...(batch === undefined ? {} : { batchId: batch }),
        ...(after === undefined ? {} : { after }),
      };
      const { lines, next } = await readResults(filter, MAX_RESULT_PAGE_BYTES);
      const text = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
      return context.body(new Uint8Array(text), 200, {
        'content-type': 'application/jsonl',
        'penstock-count': String(lines.length),
        ...(next === null ? {} : { 'penstock-next': next }),
      });
    },
  };
  return [results];
}
