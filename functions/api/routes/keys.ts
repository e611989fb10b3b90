/** `/v1/keys`: API keys, for administrators. */

import * as z from 'zod';
import {
  apiKeySchema,
  createdKeySchema,
  keyListSchema,
  keyWishSchema,
} from '../../../shared/contracts/api.ts';
import { problemSchema } from '../../../shared/contracts/problem.ts';
import type { ApiKeyRecord } from '../../../shared/domain/api-key.ts';
import type { ManageKeys } from '../../../shared/usecases/manage-keys.ts';
import type { ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';
import { bodyFormat, parseJson, readBytes } from '../read-body.ts';
import { sendJson } from '../respond.ts';

export interface KeyRoutesDeps {
  readonly manageKeys: ManageKeys;
  /** Unit: bytes. */
  readonly maxBodyBytes: number;
}

export function keyRoutes({ manageKeys, maxBodyBytes }: KeyRoutesDeps): ApiRoute[] {
  const create: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/keys',
      summary: 'Make a key; it is shown in this answer and never again',
      request: { body: { content: { 'application/json': { schema: keyWishSchema } } } },
      responses: { 201: json('Made', createdKeySchema), default: problem },
    },
    scope: 'admin',
    async handle({ context }) {
      bodyFormat(context.req.raw.headers, false);
      const body = parseJson(await readBytes(context.req.raw, maxBodyBytes));
      const { monthly_budget_micro_usd: monthlyBudgetMicroUsd, ...wish } = checkInput(
        keyWishSchema,
        body,
      );
      const { key, record } = await manageKeys.create({ ...wish, monthlyBudgetMicroUsd });
      const made: z.infer<typeof createdKeySchema> = { ...toWireKey(record), key };
      return sendJson(context, 201, JSON.stringify(made));
    },
  };

  const list: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/keys',
      summary: 'All keys, newest first, without the keys themselves',
      responses: { 200: json('All of them', keyListSchema), default: problem },
    },
    scope: 'admin',
    async handle({ context }) {
      const all: z.infer<typeof keyListSchema> = {
        object: 'list',
        data: (await manageKeys.list()).map(toWireKey),
      };
      return sendJson(context, 200, JSON.stringify(all));
    },
  };

  const revoke: ApiRoute = {
    config: {
      method: 'delete',
      path: '/v1/keys/{id}',
      summary: 'End a key; its requests stay',
      request: { params: z.object({ id: z.string() }) },
      responses: { 200: json('Revoked', apiKeySchema), default: problem },
    },
    scope: 'admin',
    async handle({ context }) {
      const record = await manageKeys.revoke(context.req.param('id') ?? '');
      return sendJson(context, 200, JSON.stringify(toWireKey(record)));
    },
  };

  return [create, list, revoke];
}

function toWireKey(record: ApiKeyRecord): z.infer<typeof apiKeySchema> {
  return {
    object: 'key',
    id: record.id,
    tenant: record.tenant,
    name: record.name,
    scopes: [...record.scopes],
    monthly_budget_micro_usd: record.monthlyBudgetMicroUsd,
    created_at_ms: record.createdAtMs,
    revoked_at_ms: record.revokedAtMs,
  };
}

const problem = json('Refused', problemSchema, 'application/problem+json');

function json(description: string, schema: z.ZodType, type = 'application/json') {
  return { description, content: { [type]: { schema } } };
}
