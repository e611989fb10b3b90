/** What may be sent, what is left of it, and what it cost: models, limits, usage. */

import * as z from 'zod';
import {
  limitsListSchema,
  type modelLimitsSchema,
  modelSchema,
  usageListSchema,
  usageQuerySchema,
  type usageRowSchema,
} from '../../../shared/contracts/api.ts';
import { openAiErrorSchema } from '../../../shared/contracts/openai-error.ts';
import { fieldError, problemSchema } from '../../../shared/contracts/problem.ts';
import type { ModelSettings } from '../../../shared/domain/capacity/model-limits.ts';
import type { Dimension } from '../../../shared/domain/capacity/provider-outcome.ts';
import type { UsageRow } from '../../../shared/ports/request-store.ts';
import type { ModelLimitsNow, ReadLimits } from '../../../shared/usecases/read-limits.ts';
import type { ReadUsage } from '../../../shared/usecases/read-usage.ts';
import type { ModelDirectory } from '../../../shared/usecases/submit-requests.ts';
import type { ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';
import { sendJson } from '../respond.ts';

export interface ReportRoutesDeps {
  readonly models: ModelDirectory;
  readonly readLimits: ReadLimits;
  readonly readUsage: ReadUsage;
}

const modelListSchema = z.object({ object: z.literal('list'), data: z.array(modelSchema) });

type WireModel = z.infer<typeof modelSchema>;
type WireLimits = z.infer<typeof modelLimitsSchema>;

const DIMENSION_NAMES: Readonly<Record<Dimension, WireLimits['limits'][number]['name']>> = {
  requests: 'requests',
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  totalTokens: 'total_tokens',
};

export function reportRoutes({ models, readLimits, readUsage }: ReportRoutesDeps): ApiRoute[] {
  const listModels: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/models',
      summary: 'The models requests may name',
      responses: { 200: json(modelListSchema), default: refusal(openAiErrorSchema) },
    },
    scope: 'read',
    async handle({ context }) {
      const list: z.infer<typeof modelListSchema> = {
        object: 'list',
        data: [...models.values()].map((model) => toWireModel(model, models)),
      };
      return sendJson(context, 200, JSON.stringify(list));
    },
  };

  const getModel: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/models/{model}',
      summary: 'One model',
      request: { params: z.object({ model: z.string() }) },
      responses: { 200: json(modelSchema), default: refusal(openAiErrorSchema) },
    },
    scope: 'read',
    async handle({ context }) {
      const name = context.req.param('model') ?? '';
      const model = models.get(name);
      if (model === undefined) {
        throw fieldError('unknown_model', '/model', models.explainUnknown(name));
      }
      return sendJson(context, 200, JSON.stringify(toWireModel(model, models)));
    },
  };

  const limits: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/limits',
      summary: 'The rate limits of every model, and what is left of them now',
      responses: { 200: json(limitsListSchema), default: refusal(problemSchema) },
    },
    scope: 'read',
    async handle({ context }) {
      const list: z.infer<typeof limitsListSchema> = {
        object: 'list',
        data: (await readLimits()).map(toWireLimits),
      };
      return sendJson(context, 200, JSON.stringify(list));
    },
  };

  const usage: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/usage',
      summary: 'What your requests used and cost',
      request: { query: usageQuerySchema },
      responses: { 200: json(usageListSchema), default: refusal(problemSchema) },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const query = checkInput(usageQuerySchema, context.req.query());
      const rows = await readUsage({
        tenant,
        groupBy: query.group_by,
        ...(query.batch === undefined ? {} : { batchId: query.batch }),
        ...(query.from === undefined ? {} : { fromMs: query.from }),
        ...(query.to === undefined ? {} : { toMs: query.to }),
      });
      const list: z.infer<typeof usageListSchema> = { object: 'list', data: rows.map(toWireUsage) };
      return sendJson(context, 200, JSON.stringify(list));
    },
  };

  return [listModels, getModel, limits, usage];
}

/** `created` is part of the format and not known here. */
function toWireModel(model: ModelSettings, models: ModelDirectory): WireModel {
  return {
    id: model.name,
    object: 'model',
    created: 0,
    owned_by: model.provider,
    x_penstock: {
      dialect: models.dialectOf(model) ?? 'openai',
      lanes: [...model.lanes],
      context_window: model.contextWindow,
      max_output_tokens: model.maxOutputTokens,
    },
  };
}

function toWireLimits({ model, limits, concurrency, pausedUntilMs }: ModelLimitsNow): WireLimits {
  return {
    model: model.name,
    provider: model.provider,
    lanes: [...model.lanes],
    limits: limits.map((limit) => ({
      name: DIMENSION_NAMES[limit.dimension],
      configured_per_minute: limit.configuredPerMinute,
      per_minute: limit.perMinute,
      allowed_per_minute: limit.allowedPerMinute,
      burst: limit.burst,
      available: limit.available,
    })),
    concurrency,
    paused_until_ms: pausedUntilMs,
  };
}

function toWireUsage(row: UsageRow): z.infer<typeof usageRowSchema> {
  return {
    tag: row.tag,
    model: row.model,
    day: row.day,
    lane: row.lane,
    batch: row.batch,
    requests: row.requests,
    succeeded: row.succeeded,
    failed: row.failed,
    input_tokens: row.inputTokens,
    cached_input_tokens: row.cachedInputTokens,
    output_tokens: row.outputTokens,
    cost_micro_usd: row.costMicroUsd,
  };
}

function json(schema: z.ZodType) {
  return { description: 'Found', content: { 'application/json': { schema } } };
}

function refusal(schema: z.ZodType) {
  return { description: 'Refused', content: { 'application/json': { schema } } };
}
