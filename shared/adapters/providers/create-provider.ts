/** From a provider's settings to the provider, with every setting checked. */

import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CompletionProvider } from '../../ports/completion-provider.ts';
import { anthropicDialect } from './anthropic.ts';
import { azureOpenAiDialect } from './azure-openai.ts';
import type { Dialect } from './dialect.ts';
import { HttpProvider } from './http-provider.ts';
import { openAiDialect } from './openai.ts';
import { createRedactor, type Redactor } from './redaction.ts';
import {
  DEFAULT_CONNECTIONS,
  DEFAULT_MAX_ANSWER_BYTES,
  DEFAULT_TIMEOUTS,
  type ProviderSettings,
  type ProviderTimeouts,
} from './settings.ts';
import { HttpTransport, type TransportOptions } from './transport.ts';

export interface ProviderDeps {
  readonly clock: Clock;
}

/** Headers a user may add: what gateways and betas need, nothing that replaces ours. */
const ALLOWED_HEADERS =
  /^(?:user-agent|http-referer|(?:x|anthropic|openai|helicone|cf-aig)-[\w-]+)$/;
const RESERVED_HEADERS = new Set([
  'x-api-key',
  'anthropic-version',
  'openai-organization',
  'openai-project',
]);
const HEADER_TEXT = /^[\x20-\x7e]+$/;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Makes a provider; no connection is opened before its first call.
 * @throws {AppError} `invalid_configuration`, naming the setting, when one cannot be used.
 */
export function createProvider(
  name: string,
  settings: ProviderSettings,
  deps: ProviderDeps,
): CompletionProvider {
  const { dialect, timeouts, headers, redactor, wire } = checkSettings(name, settings);
  const transport = new HttpTransport(wire);
  return new HttpProvider({
    name,
    dialect,
    timeouts,
    headers,
    redactor,
    transport,
    clock: deps.clock,
  });
}

/** What any adapter of the provider works with. */
export interface CheckedSettings {
  readonly dialect: Dialect;
  readonly timeouts: ProviderTimeouts;
  /** Names and values in turn, the same for every call. */
  readonly headers: readonly string[];
  readonly redactor: Redactor;
  readonly wire: TransportOptions;
}

/** @throws {AppError} `invalid_configuration`, naming the setting, when one cannot be used. */
export function checkSettings(name: string, settings: ProviderSettings): CheckedSettings {
  const invalid = (setting: string, problem: string): AppError =>
    new AppError('invalid_configuration', `providers.${name}.${setting} ${problem}`);
  const apiKey = settings.apiKey === 'none' ? null : settings.apiKey;
  if (apiKey !== null && !HEADER_TEXT.test(apiKey)) {
    const problem = 'is empty or has characters no key has (a line break?); paste it again';
    throw invalid('apiKey', problem);
  }
  checkBaseUrl(settings, invalid);
  const timeouts = resolveTimeouts(settings.timeouts ?? {}, invalid);
  const connections = settings.connections ?? DEFAULT_CONNECTIONS;
  if (!Number.isSafeInteger(connections) || connections < 1) {
    throw invalid('connections', 'must be a whole number from 1');
  }
  const maxAnswerBytes = settings.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES;
  if (!Number.isSafeInteger(maxAnswerBytes) || maxAnswerBytes < 1) {
    throw invalid('maxAnswerBytes', 'must be a whole number from 1');
  }
  const dialect = dialectOf({ ...settings, apiKey });
  return {
    dialect,
    timeouts,
    redactor: createRedactor(apiKey),
    headers: headersOf(dialect, settings.headers ?? {}, invalid),
    wire: {
      origin: dialect.origin,
      connections,
      connectMs: timeouts.connectMs,
      bodyIdleMs: timeouts.bodyIdleMs,
      maxAnswerBytes,
    },
  };
}

type Invalid = (setting: string, problem: string) => AppError;

function dialectOf(settings: ProviderSettings): Dialect {
  switch (settings.dialect) {
    case 'openai':
      return openAiDialect(settings);
    case 'azure-openai':
      return azureOpenAiDialect(settings);
    case 'anthropic':
      return anthropicDialect(settings);
  }
}

function checkBaseUrl({ baseUrl }: ProviderSettings, invalid: Invalid): void {
  if (baseUrl === undefined) return;
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol)) {
    throw invalid('baseUrl', `must be an http or https address such as https://api.openai.com/v1`);
  }
  const { username, password, search, hash } = new URL(baseUrl);
  if (username !== '' || password !== '') {
    throw invalid('baseUrl', 'must not hold credentials; use apiKey');
  }
  if (search !== '' || hash !== '') {
    throw invalid('baseUrl', 'must end before any "?" or "#"; Azure versions go into apiVersion');
  }
}

function resolveTimeouts(given: Partial<ProviderTimeouts>, invalid: Invalid): ProviderTimeouts {
  for (const [setting, ms] of Object.entries(given)) {
    if (!Number.isSafeInteger(ms) || ms < 1 || ms > LONGEST_TIMER_MS) {
      throw invalid(
        `timeouts.${setting}`,
        `must be whole milliseconds from 1 to ${LONGEST_TIMER_MS}`,
      );
    }
  }
  return { ...DEFAULT_TIMEOUTS, ...given };
}

/** All headers that do not change from call to call: names and values in turn. */
function headersOf(
  dialect: Dialect,
  extra: Readonly<Record<string, string>>,
  invalid: Invalid,
): string[] {
  const headers = new Map<string, string>([
    ['content-type', 'application/json'],
    ['accept', 'application/json'],
    ['user-agent', 'penstock'],
  ]);
  for (const [given, value] of Object.entries(extra)) {
    const name = given.toLowerCase();
    if (!ALLOWED_HEADERS.test(name) || RESERVED_HEADERS.has(name)) {
      const problem =
        'may not be set; allowed are user-agent, http-referer and names that begin with x-, anthropic-, openai-, helicone- or cf-aig-, except those of keys and versions';
      throw invalid(`headers.${given}`, problem);
    }
    if (!HEADER_TEXT.test(value)) throw invalid(`headers.${given}`, 'must be plain text');
    headers.set(name, value);
  }
  for (const [name, value] of dialect.headers) {
    if (!HEADER_TEXT.test(value)) throw invalid(name, 'must be plain text');
    headers.set(name, value);
  }
  return [...headers].flat();
}
