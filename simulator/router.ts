import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SimulatorClock } from './clock.ts';
import { Exchange } from './exchange.ts';
import { openAi } from './openai/dialect.ts';
import { openAiRoutes } from './openai/routes.ts';
import type { Provider } from './provider.ts';

/** Answers requests on the provider's routes. */
export function createRouter(
  provider: Provider,
  clock: SimulatorClock,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let count = 0;
  return async (request, response) => {
    count += 1;
    const [path = ''] = (request.url ?? '').split('?', 1);
    const requestId = count.toString(16).padStart(32, '0');
    const exchange = new Exchange(request, response, openAi, provider, clock, requestId);
    const endpoint = openAiRoutes.get(`${request.method} ${path}`);
    if (endpoint) return exchange.run(endpoint);
    exchange.decline({
      status: 404,
      type: 'invalid_request_error',
      code: 'unknown_url',
      param: null,
      message: `Unknown request URL: ${request.method} ${path}. Please check the URL for typos.`,
    });
  };
}
