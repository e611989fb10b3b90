/** `/v1/webhooks`: where a tenant wants to be told of what has ended. */

import * as z from 'zod';
import {
  toldWebhookSchema,
  webhookChangeSchema,
  webhookDeliveryListSchema,
  type webhookDeliverySchema,
  webhookListSchema,
  webhookSchema,
  webhookWishSchema,
} from '../../../shared/contracts/api.ts';
import { problemSchema } from '../../../shared/contracts/problem.ts';
import type { WebhookEndpoint } from '../../../shared/domain/webhooks/webhook-endpoint.ts';
import type { DeliveryView } from '../../../shared/ports/delivery-store.ts';
import type {
  ManageWebhooks,
  ToldSecret,
} from '../../../shared/usecases/webhooks/manage-webhooks.ts';
import type { ApiCall, ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';
import { bodyFormat, parseJson, readBytes } from '../read-body.ts';
import { sendJson } from '../respond.ts';

/** An endpoint and its events fit many times. Unit: bytes. */
const MOST_BODY_BYTES = 16_384;
/** Deliveries shown. */
const SHOWN = 50;

export function webhookRoutes({ manage }: { readonly manage: ManageWebhooks }): ApiRoute[] {
  const one = { params: z.object({ id: z.string() }) };

  const create: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/webhooks',
      summary: 'Add an endpoint; its secret is shown in this answer and never again',
      request: jsonBody(webhookWishSchema),
      responses: { 201: json('Added', toldWebhookSchema), default: problem },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const wish = checkInput(webhookWishSchema, await readJson(context.req.raw));
      return sendJson(context, 201, tell(await manage.create(tenant, wish)));
    },
  };

  const list: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/webhooks',
      summary: 'Your endpoints, oldest first, without their secrets',
      responses: { 200: json('All of them', webhookListSchema), default: problem },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const all: z.infer<typeof webhookListSchema> = {
        object: 'list',
        data: (await manage.list(tenant)).map(toWire),
      };
      return sendJson(context, 200, JSON.stringify(all));
    },
  };

  const read: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/webhooks/{id}',
      summary: 'One endpoint, without its secret',
      request: one,
      responses: { 200: json('The endpoint', webhookSchema), default: problem },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const endpoint = await manage.find(tenant, idOf(context));
      return sendJson(context, 200, JSON.stringify(toWire(endpoint)));
    },
  };

  const change: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/webhooks/{id}',
      summary: 'Change its URL or events, stop it or start it again',
      request: { ...one, ...jsonBody(webhookChangeSchema) },
      responses: { 200: json('As it is now', webhookSchema), default: problem },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const wish = checkInput(webhookChangeSchema, await readJson(context.req.raw));
      const endpoint = await manage.change(tenant, idOf(context), wish);
      return sendJson(context, 200, JSON.stringify(toWire(endpoint)));
    },
  };

  const remove: ApiRoute = {
    config: {
      method: 'delete',
      path: '/v1/webhooks/{id}',
      summary: 'Remove an endpoint; what is on its way to it ends',
      request: one,
      responses: { 204: { description: 'Removed' }, default: problem },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      await manage.remove(tenant, idOf(context));
      return context.body(null, 204);
    },
  };

  const rotate: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/webhooks/{id}/rotate',
      summary: 'Make a new secret, shown this once; the last one signs too for 24 hours',
      request: one,
      responses: { 200: json('With its new secret', toldWebhookSchema), default: problem },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      return sendJson(context, 200, tell(await manage.rotate(tenant, idOf(context))));
    },
  };

  const deliveries: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/webhooks/{id}/deliveries',
      summary: `The last ${SHOWN} events sent or to be sent to an endpoint, newest first`,
      request: one,
      responses: { 200: json('How they went', webhookDeliveryListSchema), default: problem },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const last: z.infer<typeof webhookDeliveryListSchema> = {
        object: 'list',
        data: (await manage.deliveries(tenant, idOf(context), SHOWN)).map(toWireDelivery),
      };
      return sendJson(context, 200, JSON.stringify(last));
    },
  };

  return [create, list, read, change, remove, rotate, deliveries];
}

function idOf(context: ApiCall['context']): string {
  return context.req.param('id') ?? '';
}

async function readJson(request: Request): Promise<unknown> {
  bodyFormat(request.headers, false);
  return parseJson(await readBytes(request, MOST_BODY_BYTES));
}

function tell({ endpoint, secret }: ToldSecret): string {
  const told: z.infer<typeof toldWebhookSchema> = { ...toWire(endpoint), secret };
  return JSON.stringify(told);
}

function toWire(endpoint: WebhookEndpoint): z.infer<typeof webhookSchema> {
  const { id, url, events, disabled, createdAtMs, secrets } = endpoint;
  return {
    object: 'webhook',
    id,
    url,
    events: [...events],
    disabled: disabled && { reason: disabled.reason, at_ms: disabled.atMs },
    created_at_ms: createdAtMs,
    last_secret_until_ms:
      secrets.find((secret) => secret.expiresAtMs !== null)?.expiresAtMs ?? null,
  };
}

function toWireDelivery(delivery: DeliveryView): z.infer<typeof webhookDeliverySchema> {
  const { eventId, type, status, attempts, dueAtMs, fault, createdAtMs } = delivery;
  return {
    object: 'webhook.delivery',
    event_id: eventId,
    type,
    status,
    attempts,
    next_attempt_at_ms: status === 'pending' ? dueAtMs : null,
    fault,
    created_at_ms: createdAtMs,
  };
}

const problem = json('Refused', problemSchema, 'application/problem+json');

function json(description: string, schema: z.ZodType, type = 'application/json') {
  return { description, content: { [type]: { schema } } };
}

function jsonBody(schema: z.ZodType) {
  return { body: { content: { 'application/json': { schema } } } };
}
