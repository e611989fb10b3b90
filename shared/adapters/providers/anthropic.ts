/** Anthropic's Messages API. */

import type { ProviderCall } from '../../ports/completion-provider.ts';
import { type Dialect, encodeBody, routesBelow, splitBaseUrl } from './dialect.ts';
import { isRecord, type JsonRecord } from './json.ts';
import type { AnthropicSettings } from './settings.ts';

const DEFAULT_BASE_URL = 'https://api.anthropic.com';
const DEFAULT_VERSION = '2023-06-01';
const CACHE_CONTROL = { type: 'ephemeral' };

export function anthropicDialect(settings: AnthropicSettings): Dialect {
  const { origin, path } = splitBaseUrl(settings.baseUrl ?? DEFAULT_BASE_URL);
  const base = /\/v\d+$/.test(path) ? path : `${path}/v1`;
  const headers: [string, string][] = [
    ['anthropic-version', settings.apiVersion ?? DEFAULT_VERSION],
  ];
  if (settings.apiKey !== null) headers.push(['x-api-key', settings.apiKey]);
  return {
    origin,
    headers,
    modelsPath: `${base}/models?limit=1000`,
    routeOf: routesBelow(base),
    hasLane: () => false,
    pathOf: (endpoint) => (endpoint === '/v1/messages' ? `${base}/messages` : null),
    encode,
  };
}

function encode(call: ProviderCall): string {
  const json = encodeBody(call);
  // A quote inside a string is escaped, so this finds the caller's own marks and never their prose.
  if (!call.markSharedPrefix || json.includes('"cache_control":')) return json;
  const marked = markPrefix(call.body);
  return marked === null ? json : JSON.stringify({ ...marked, model: call.model });
}

/**
 * The body with a cache mark where the part that requests share ends: after the system prompt, or
 * after the tools, which come before it. `null` when there is neither.
 */
function markPrefix(body: JsonRecord): JsonRecord | null {
  const { system, tools } = body;
  if (typeof system === 'string' && system !== '') {
    return { ...body, system: [{ type: 'text', text: system, cache_control: CACHE_CONTROL }] };
  }
  const blocks = withLastMarked(system, (block) => block['text'] !== '');
  if (blocks !== null) return { ...body, system: blocks };
  const marked = withLastMarked(tools, (tool) => tool['defer_loading'] !== true);
  return marked === null ? null : { ...body, tools: marked };
}

/** `null` when there is no last element, or one that cannot carry a mark. */
function withLastMarked(
  list: unknown,
  canCarry: (element: JsonRecord) => boolean,
): readonly unknown[] | null {
  const last: unknown = Array.isArray(list) ? list.at(-1) : undefined;
  if (!Array.isArray(list) || !isRecord(last) || !canCarry(last)) return null;
  return [...list.slice(0, -1), { ...last, cache_control: CACHE_CONTROL }];
}
