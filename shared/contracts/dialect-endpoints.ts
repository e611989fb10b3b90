import type { Endpoint } from '../domain/requests/request.ts';
import type { Dialect } from './config-schema.ts';

/** The routes a provider of each dialect serves. */
export const ENDPOINTS_OF_DIALECT: Readonly<Record<Dialect, readonly Endpoint[]>> = {
  openai: ['/v1/chat/completions', '/v1/responses', '/v1/embeddings'],
  'azure-openai': ['/v1/chat/completions', '/v1/responses', '/v1/embeddings'],
  anthropic: ['/v1/messages'],
};
