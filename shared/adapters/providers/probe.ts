/** Asks for the list of models: free of charge, and proof of address and key. */

import type { ProviderProbe } from '../../ports/completion-provider.ts';
import { readErrorFacts } from './error-facts.ts';
import type { HttpProviderParts } from './http-provider-parts.ts';
import { isRecord, parseJson } from './json.ts';
import { readDateMs } from './rate-signals.ts';

const PROBE_MS = 15_000;

export async function probeModels(
  { name, dialect, transport, redactor, headers, clock }: HttpProviderParts,
  signal: AbortSignal,
): Promise<ProviderProbe> {
  const url = `${dialect.origin}${dialect.modelsPath}`;
  const startedAtMs = clock.nowMs();
  const ended = await transport.exchange(
    {
      method: 'GET',
      path: dialect.modelsPath,
      headers,
      body: null,
      headersMs: PROBE_MS,
      totalMs: PROBE_MS,
    },
    signal,
  );
  const endedAtMs = clock.nowMs();
  const serverMs = readDateMs(ended.headers);
  // The header was written at some instant in between, and cut to whole seconds.
  const clockSkewMs =
    serverMs === null ? null : Math.round(serverMs + 500 - (startedAtMs + endedAtMs) / 2);
  const result = (
    isReachable: boolean,
    isAuthorized: boolean,
    detail: string,
    models: readonly string[] = [],
  ): ProviderProbe => ({
    isReachable,
    isAuthorized,
    detail: redactor.message(detail),
    models,
    clockSkewMs,
  });

  if (ended.kind === 'not_received') {
    const isReachable = ended.statusCode > 0;
    return result(
      isReachable,
      false,
      isReachable
        ? `${url} does not answer properly: ${ended.detail}. Check that baseUrl names an API.`
        : `${url} cannot be reached: ${ended.detail}. Check baseUrl, the network and any proxy.`,
    );
  }
  const body = parseJson(ended.text);
  const { statusCode } = ended;
  if (statusCode >= 200 && statusCode < 300) {
    const models = modelsOf(body);
    return models === null
      ? result(true, false, `${url} answers, but not with a list of models. Check baseUrl.`)
      : result(true, true, `${url} accepts the key and lists ${models.length} models.`, models);
  }
  const words = readErrorFacts(body).message;
  const said = words === null ? '' : ` ("${words}")`;
  if (statusCode === 401 || statusCode === 403) {
    const detail = `${url} refuses the key with ${statusCode}${said}. Set a valid apiKey for provider ${name}.`;
    return result(true, false, detail);
  }
  if (statusCode === 429 || statusCode >= 500) {
    const detail = `${url} answers ${statusCode}${said}: the provider is busy or out of order. Try again later.`;
    return result(true, false, detail);
  }
  return result(
    true,
    false,
    `${url} answers ${statusCode}${said}. Check baseUrl of provider ${name}.`,
  );
}

/** Ids in a model list; `null` when it is none. */
function modelsOf(body: unknown): string[] | null {
  const list: unknown = isRecord(body) ? (body['data'] ?? body['models']) : null;
  if (!Array.isArray(list)) return null;
  const ids = list.map((model: unknown) => (isRecord(model) ? model['id'] : null));
  return ids.filter((id) => typeof id === 'string');
}
