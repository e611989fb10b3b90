/** OpenAI, and everything that speaks its API: vLLM, Ollama, gateways, other vendors. */

import type { Endpoint } from '../../domain/requests/request.ts';
import { type Dialect, encodeBody, routesBelow, splitBaseUrl } from './dialect.ts';
import type { OpenAiSettings } from './settings.ts';

const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

/** Endpoints of OpenAI's API, below its version. */
export const OPENAI_ROUTES: Readonly<Partial<Record<Endpoint, string>>> = {
  '/v1/chat/completions': '/chat/completions',
  '/v1/responses': '/responses',
  '/v1/embeddings': '/embeddings',
};

export function openAiDialect(settings: OpenAiSettings): Dialect {
  const { origin, path } = splitBaseUrl(settings.baseUrl ?? DEFAULT_BASE_URL);
  // Some vendors serve the API under a version of their own, or below it: `/v1beta/openai`, `/v4`.
  const hasVersion = /\/v\d/.test(path);
  const base = hasVersion ? path : `${path}/v1`;
  const headers: [string, string][] = [];
  if (settings.apiKey !== null) headers.push(['authorization', `Bearer ${settings.apiKey}`]);
  if (settings.organization) headers.push(['openai-organization', settings.organization]);
  if (settings.project) headers.push(['openai-project', settings.project]);
  return {
    origin,
    headers,
    modelsPath: `${base}/models`,
    routeOf: routesBelow(base),
    hasLane: (lane, endpoint) => lane === 'flex' && endpoint !== '/v1/embeddings',
    pathOf: (endpoint) => {
      const route = OPENAI_ROUTES[endpoint];
      return route === undefined ? null : `${base}${route}`;
    },
    encode: (call) =>
      call.lane === 'flex'
        ? JSON.stringify({ ...call.body, model: call.model, service_tier: 'flex' })
        : encodeBody(call),
  };
}
