import type { Endpoint } from '../call.ts';
import { deployment } from './azure.ts';
import { chatCompletions } from './chat-completions.ts';
import { embeddings } from './embeddings.ts';
import { responses } from './responses.ts';

/** Routes that run a model, by their path below the version prefix. */
const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([
  ['chat/completions', chatCompletions],
  ['responses', responses],
  ['embeddings', embeddings],
]);

const OPENAI_PREFIX = '/v1/';
const AZURE_PREFIX = '/openai/v1/';
const DEPLOYMENT = /^\/openai\/deployments\/([^/]+)\/(.+)$/;

/** A route of OpenAI's or Azure's that runs a model. */
export interface OpenAiRoute {
  readonly endpoint: Endpoint;
  readonly isAzure: boolean;
  /** Azure's older routes answer 404 unless the query names an api-version. */
  readonly needsApiVersion: boolean;
}

/** The route that POSTs to `path` go to, or undefined. */
export function findOpenAiRoute(path: string): OpenAiRoute | undefined {
  const isAzure = path.startsWith(AZURE_PREFIX);
  if (isAzure || path.startsWith(OPENAI_PREFIX)) {
    const endpoint = ENDPOINTS.get(path.slice((isAzure ? AZURE_PREFIX : OPENAI_PREFIX).length));
    return endpoint && { endpoint, isAzure, needsApiVersion: false };
  }
  const [, name, rest = ''] = DEPLOYMENT.exec(path) ?? [];
  const endpoint = ENDPOINTS.get(rest);
  if (name === undefined || endpoint === undefined || rest === 'responses') return undefined;
  const own = deployment(decodeURIComponent(name), endpoint);
  return { endpoint: own, isAzure: true, needsApiVersion: true };
}
