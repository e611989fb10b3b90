import { createAnthropicResources } from './anthropic/message-batch-routes.ts';
import type { BatchDesk } from './batches/desk.ts';
import { createOpenAiResources } from './openai/resource-routes.ts';
import type { ResourceRoute } from './resources.ts';

/** Finds the route of a method and path that keeps things; undefined when there is none. */
export type FindResource = (method: string, path: string) => ResourceRoute | undefined;

/** The routes of both dialects. What fell due happens before a request is handled. */
export function createResourceRouter(desk: BatchDesk): FindResource {
  const findOpenAi = createOpenAiResources(desk);
  const findAnthropic = createAnthropicResources(desk);
  return (method, path) => {
    const route = findOpenAi(method, path) ?? findAnthropic(method, path);
    return (
      route && {
        ...route,
        handle: async (request) => {
          desk.settle();
          const outcome = await route.handle(request);
          desk.webhooks.watch();
          return outcome;
        },
      }
    );
  };
}
