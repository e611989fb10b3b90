/** What anybody may ask: whether it works, and how to use it. */

import type * as z from 'zod';
import { healthSchema } from '../../../shared/contracts/api.ts';
import { ERROR_PRESENTATIONS } from '../../../shared/contracts/problem.ts';
import type { ProviderStop } from '../../../shared/domain/capacity/provider-stop.ts';
import type { ApiRoute } from '../call.ts';
import { describeRoutes, type RouteConfig } from '../openapi-document.ts';
import { sendJson } from '../respond.ts';

export interface ServiceRoutesDeps {
  /** All routes there are, these among them. */
  readonly routes: () => readonly RouteConfig[];
  readonly stops: () => Promise<readonly ProviderStop[]>;
}

export function serviceRoutes({ routes, stops }: ServiceRoutesDeps): ApiRoute[] {
  let document: string | null = null;

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
      document ??= JSON.stringify(describeRoutes(routes()));
      return sendJson(context, 200, document);
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
