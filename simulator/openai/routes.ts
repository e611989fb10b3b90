import type { Endpoint } from '../call.ts';
import { chatCompletions } from './chat-completions.ts';

/** Routes that run a model, by method and path. */
export const openAiRoutes: ReadonlyMap<string, Endpoint> = new Map([
  ['POST /v1/chat/completions', chatCompletions],
]);
