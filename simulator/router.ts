import type { IncomingMessage, ServerResponse } from 'node:http';
import { anthropic } from './anthropic/dialect.ts';
import { anthropicProblem, invalidMessage } from './anthropic/errors.ts';
import { findAnthropicModel, listAnthropicModels } from './anthropic/models.ts';
import { findAnthropicRoute } from './anthropic/routes.ts';
import type { BatchDesk } from './batches/desk.ts';
import type { Dialect, Problem } from './call.ts';
import type { SimulatorClock } from './clock.ts';
import { Exchange } from './exchange.ts';
import { azureOpenAi } from './openai/azure.ts';
import { openAi } from './openai/dialect.ts';
import { findModel, listModels } from './openai/models.ts';
import { findOpenAiRoute } from './openai/routes.ts';
import type { Provider } from './provider.ts';
import type { FindResource } from './resource-router.ts';
import type { ResourceRoute } from './resources.ts';

const MODELS_PATH = '/v1/models';

/** Answers requests on the routes of every dialect; the path and the headers tell which one speaks. */
export function createRouter(
  provider: Provider,
  desk: BatchDesk,
  findResource: FindResource,
  clock: SimulatorClock,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let count = 0;
  return async (request, response) => {
    count += 1;
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const requestId = count.toString(16).padStart(32, '0');
    const open = (dialect: Dialect): Exchange =>
      new Exchange(request, response, dialect, provider, clock, requestId);

    desk.settle();
    const kept = findResource(request.method ?? '', path);
    if (kept) {
      const exchange = open(kept.dialect);
      const missing = missingFrom(request, query, kept.precondition);
      if (missing) return exchange.decline(missing);
      return exchange.keep(kept, query, desk.drawFault(kept.operation));
    }
    if (request.method === 'POST') {
      const route = findOpenAiRoute(path);
      if (route) {
        const exchange = open(route.isAzure ? azureOpenAi : openAi);
        if (route.needsApiVersion && !query.includes('api-version=')) {
          return exchange.decline(resourceNotFound());
        }
        return exchange.run(route.endpoint);
      }
      const endpoint = findAnthropicRoute(path);
      if (endpoint && !isVersioned(request)) return open(anthropic).decline(versionMissing());
      if (endpoint) return open(anthropic).run(endpoint);
    }
    if (request.method === 'GET' && (path === MODELS_PATH || path.startsWith(`${MODELS_PATH}/`))) {
      const name = decodeURIComponent(path.slice(MODELS_PATH.length + 1));
      return speaksAnthropic(request)
        ? open(anthropic).show(anthropicModels(modelNames(provider, true), name))
        : open(openAi).show(openAiModels(modelNames(provider, false), name));
    }
    return speaksAnthropic(request)
      ? open(anthropic).decline(anthropicProblem(404, 'not_found_error', 'Not Found'))
      : open(openAi).decline(unknownUrl(request.method, path));
  };
}

function speaksAnthropic({ headers }: IncomingMessage): boolean {
  return headers['anthropic-version'] !== undefined || headers['x-api-key'] !== undefined;
}

function missingFrom(
  request: IncomingMessage,
  query: string,
  precondition: ResourceRoute['precondition'],
): Problem | undefined {
  if (precondition === 'anthropic-version' && !isVersioned(request)) return versionMissing();
  const isDated = query.includes('api-version=');
  return precondition === 'api-version' && !isDated ? resourceNotFound() : undefined;
}

function isVersioned({ headers }: IncomingMessage): boolean {
  return headers['anthropic-version'] !== undefined;
}

function versionMissing(): Problem {
  return invalidMessage('anthropic-version: header is required');
}

function openAiModels(names: readonly string[], name: string): object | Problem {
  return name === '' ? listModels(names) : findModel(names, name);
}

function anthropicModels(names: readonly string[], name: string): object | Problem {
  return name === '' ? listAnthropicModels(names) : findAnthropicModel(names, name);
}

/** The configured models or, where any will do, those with a price. */
function modelNames({ settings }: Provider, isAnthropic: boolean): string[] {
  const names = [...(settings.models?.keys() ?? Object.keys(settings.prices))];
  return names.filter((name) => name.startsWith('claude') === isAnthropic);
}

function unknownUrl(method: string | undefined, path: string): Problem {
  return {
    status: 404,
    type: 'invalid_request_error',
    code: 'unknown_url',
    param: null,
    message: `Unknown request URL: ${method} ${path}. Please check the URL for typos, or see the docs at https://platform.openai.com/docs/api-reference/.`,
  };
}

function resourceNotFound(): Problem {
  return {
    status: 404,
    type: 'invalid_request_error',
    code: '404',
    param: null,
    message: 'Resource not found',
  };
}
