/** `/v1/redrive`: sends messages nobody could read back to their queue, for administrators. */

import type * as z from 'zod';
import { redriveQuerySchema, redriveReportSchema } from '../../../shared/contracts/api.ts';
import { problemSchema } from '../../../shared/contracts/problem.ts';
import type { Redrive } from '../../../shared/usecases/redrive.ts';
import type { ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';
import { sendJson } from '../respond.ts';

/** None where a home has no queue. */
export function redriveRoutes(redrive: Redrive | null): ApiRoute[] {
  if (redrive === null) return [];
  return [
    {
      config: {
        method: 'post',
        path: '/v1/redrive',
        summary: 'Send dead letters back to their queue, once what kept them there is mended',
        request: { query: redriveQuerySchema },
        responses: {
          200: {
            description: 'How many were sent, and how many are still kept',
            content: { 'application/json': { schema: redriveReportSchema } },
          },
          default: {
            description: 'Refused',
            content: { 'application/problem+json': { schema: problemSchema } },
          },
        },
      },
      scope: 'admin',
      async handle({ context }) {
        const { limit } = checkInput(redriveQuerySchema, context.req.query());
        const { moved, left } = await redrive(limit);
        const report: z.infer<typeof redriveReportSchema> = { object: 'redrive', moved, left };
        return sendJson(context, 200, JSON.stringify(report));
      },
    },
  ];
}
