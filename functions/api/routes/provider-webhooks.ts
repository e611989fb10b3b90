/** `/v1/provider-webhooks`: where providers tell that a batch has ended. Signed, so open to all. */

import * as z from 'zod';
import { webhookReceiptSchema } from '../../../shared/contracts/api.ts';
import { problemSchema } from '../../../shared/contracts/problem.ts';
import type { ReceiveProviderWebhook } from '../../../shared/usecases/webhooks/receive-provider-webhook.ts';
import type { ApiRoute } from '../call.ts';
import { readBytes } from '../read-body.ts';
import { sendJson } from '../respond.ts';

/** An event names a batch and no more. Unit: bytes. */
const MOST_BODY_BYTES = 65_536;

export function providerWebhookRoutes({
  receive,
}: {
  readonly receive: ReceiveProviderWebhook;
}): ApiRoute[] {
  const take: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/provider-webhooks/{provider}',
      summary: 'For providers: a batch has ended. Verified by the webhookSecret of penstock.yaml',
      security: [],
      request: { params: z.object({ provider: z.string() }) },
      responses: {
        200: {
          description: 'Taken, whether or not it changed anything',
          content: { 'application/json': { schema: webhookReceiptSchema } },
        },
        default: {
          description: 'Refused',
          content: { 'application/problem+json': { schema: problemSchema } },
        },
      },
    },
    scope: null,
    async handle({ context }) {
      const body = Buffer.from(await readBytes(context.req.raw, MOST_BODY_BYTES)).toString();
      const provider = context.req.param('provider') ?? '';
      await receive(provider, context.req.header(), body);
      const receipt: z.infer<typeof webhookReceiptSchema> = { received: true };
      return sendJson(context, 200, JSON.stringify(receipt));
    },
  };
  return [take];
}
