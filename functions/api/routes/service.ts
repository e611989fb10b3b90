/** What anybody may ask: whether it works, and how to use it. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { z } from 'zod';
import { healthSchema } from '../../../shared/contracts/api.ts';
import { ERROR_PRESENTATIONS } from '../../../shared/contracts/problem.ts';
import type { ProviderStop } from '../../../shared/domain/provider-stop.ts';
import type { ApiEnv, ApiRoute } from '../call.ts';
import { sendJson } from '../respond.ts';

export interface ServiceRoutesDeps {
  /** The app whose routes are described. */
  readonly app: OpenAPIHono<ApiEnv>;
  readonly stops: () => Promise<readonly ProviderStop[]>;
}

const DOCUMENT = {
  openapi: '3.1.0',
  info: {
    title: 'Penstock',
    version: '1',
    description:
      'Every request answered once, by the cheapest way that meets your deadline, as fast as your providers allow.',
  },
  security: [{ bearer: [] }],
};
const SECURITY_SCHEMES = { bearer: { type: 'http', scheme: 'bearer' } };

export function serviceRoutes({ app, stops }: ServiceRoutesDeps): ApiRoute[] {
  const health: ApiRoute = {
    config: {
      method: 'get',
      path: '/healthz',
      summary: 'Whether the server works, and which providers are held and why',
      security: [],
      responses: {
        200: { description: 'It works', content: { 'application/json': { schema: healthSchema } } },
      },
    },
    scope: null,
    async handle({ context }) {
      return sendJson(context, 200, JSON.stringify(describeHealth(await stops())));
    },
  };

  const openApi: ApiRoute = {
    config: {
      method: 'get',
      path: '/openapi.json',
      summary: 'This document',
      security: [],
      responses: { 200: { description: 'OpenAPI 3.1' } },
    },
    scope: null,
    async handle({ context }) {
      const { components, ...rest } = app.getOpenAPI31Document(DOCUMENT);
      const complete = {
        ...rest,
        components: { ...components, securitySchemes: SECURITY_SCHEMES },
      };
      return sendJson(context, 200, JSON.stringify(complete));
    },
  };

  return [health, openApi];
}

/** Says which provider is held and why, but not in the provider's words: those may name accounts. */
function describeHealth(stops: readonly ProviderStop[]): z.infer<typeof healthSchema> {
  return {
    status: stops.length === 0 ? 'ok' : 'degraded',
    providers_held: stops.map(({ provider, code }) => ({
      provider,
      code,
      reason: ERROR_PRESENTATIONS[code].title,
    })),
  };
}
