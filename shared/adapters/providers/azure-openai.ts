/** Azure OpenAI: OpenAI's bodies behind other routes and another key header. */

import { type Dialect, encodeBody, routesBelow, splitBaseUrl } from './dialect.ts';
import { OPENAI_ROUTES } from './openai.ts';
import type { AzureOpenAiSettings } from './settings.ts';

/** Versions of the `/openai/v1` routes; dated ones belong to the deployment routes. */
const V1_VERSIONS = new Set(['preview', 'latest', 'v1']);

/** True for versions that are a date: their routes lie below deployments, and have no `/v1`. */
export function isDatedVersion(version: string | undefined): boolean {
  return version !== undefined && !V1_VERSIONS.has(version);
}

export function azureOpenAiDialect(settings: AzureOpenAiSettings): Dialect {
  const { origin, path } = splitBaseUrl(settings.baseUrl);
  const resource = path.replace(/\/openai(?:\/v1|\/deployments(?:\/[^/]+)?)?$/, '');
  const version = settings.apiVersion;
  const isDated = isDatedVersion(version);
  const query = version === undefined ? '' : `?api-version=${encodeURIComponent(version)}`;
  const base = isDated ? `${resource}/openai` : `${resource}/openai/v1`;
  return {
    origin,
    headers: settings.apiKey === null ? [] : [['api-key', settings.apiKey]],
    modelsPath: `${base}/models${query}`,
    routeOf: routesBelow(base, version === undefined ? {} : { 'api-version': version }),
    hasLane: () => false,
    pathOf: (endpoint, model) => {
      const route = OPENAI_ROUTES[endpoint];
      if (route === undefined) return null;
      // The Responses API takes its deployment from the body in every version.
      const isDeployment = isDated && endpoint !== '/v1/responses';
      const deployment = isDeployment ? `/deployments/${encodeURIComponent(model)}` : '';
      return `${base}${deployment}${route}${query}`;
    },
    encode: encodeBody,
  };
}
