import type { Endpoint } from '../call.ts';
import { messages } from './messages.ts';

/** Routes that run a model, by path. */
const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([['/v1/messages', messages]]);

/** The route that POSTs to `path` go to, or undefined. */
export function findAnthropicRoute(path: string): Endpoint | undefined {
  return ENDPOINTS.get(path);
}
