/** One line of a batch's input, from bytes to a submission or to the reason why not. */

import { ENDPOINTS_OF_DIALECT } from '../../contracts/dialect-endpoints.ts';
import type { BatchRecord } from '../../domain/batches/batch.ts';
import { MAX_JSON_DEPTH, MAX_JSON_KEYS, parseGuardedJson } from '../../domain/json/json-guard.ts';
import { type InputLine, MOST_LINE_BYTES } from '../../domain/json/line-splitter.ts';
import { ENDPOINTS, type Endpoint } from '../../domain/requests/request.ts';
import type { ModelDirectory } from '../submit-requests.ts';

export interface GoodLine {
  readonly kind: 'good';
  readonly customId: string;
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface BadLine {
  readonly kind: 'bad';
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** As far as the line has one. */
  readonly customId: string | null;
}

/** Has no counterpart at OpenAI, so naming it in any batch breaks no rule of theirs. */
const MESSAGES: Endpoint = '/v1/messages';
const LIMITS = { maxBytes: MOST_LINE_BYTES, maxDepth: MAX_JSON_DEPTH, maxKeys: MAX_JSON_KEYS };
const MOST_CUSTOM_ID = 512;

/** Checks a line by the rules of its batch. What is wrong with the rest of the body, its row will say. */
export function checkLine(
  { bytes, length }: InputLine,
  { endpoint: batchEndpoint, options }: Pick<BatchRecord, 'endpoint' | 'options'>,
  models: Pick<ModelDirectory, 'get' | 'dialectOf' | 'explainUnknown'>,
): GoodLine | BadLine {
  let customId: string | null = null;
  const refuse = (code: string, message: string, param: string | null = null): BadLine => ({
    kind: 'bad',
    code,
    message,
    param,
    customId,
  });
  if (bytes === null) {
    const message = `The line holds ${length} bytes; at most ${MOST_LINE_BYTES} are taken.`;
    return refuse('line_too_large', message);
  }
  const parsed = parseGuardedJson(bytes, LIMITS);
  if (!parsed.ok || !isObject(parsed.value)) {
    const why = parsed.ok
      ? ' It is not an object.'
      : ` ${parsed.fault.message.replace(' at line 1, column', ' at column')}.`;
    return refuse('invalid_json_line', `This line is not parseable as valid JSON.${why}`);
  }
  const line = parsed.value;
  const { custom_id: name, method, url, body } = line;
  if (name === undefined || name === '') return refuse(...missing('custom_id'));
  if (typeof name !== 'string') return refuse(...notText('custom_id'));
  if (name.length > MOST_CUSTOM_ID) {
    const message = `Invalid 'custom_id': longer than ${MOST_CUSTOM_ID} characters.`;
    return refuse('invalid_value', message, 'custom_id');
  }
  customId = name;
  for (const field of ['method', 'url', 'body']) {
    if (line[field] === undefined) return refuse(...missing(field));
  }
  if (method !== 'POST') {
    return refuse('invalid_method', 'Invalid method: only POST is supported.', 'method');
  }
  const endpoint = ENDPOINTS.find((known) => known === url);
  const isOther = url !== batchEndpoint && url !== MESSAGES;
  if (endpoint === undefined || (isOther && !options.mixesEndpoints)) {
    const message = `The URL provided for this request does not match the batch endpoint: ${batchEndpoint}.`;
    return refuse('url_mismatch', message, 'url');
  }
  if (!isObject(body)) {
    return refuse('invalid_type', "Invalid type for 'body': expected an object.", 'body');
  }
  const { model: modelName } = body;
  if (modelName === undefined || modelName === '') return refuse(...missing('body.model'));
  if (typeof modelName !== 'string') return refuse(...notText('body.model'));
  const model = models.get(modelName);
  if (model === undefined) {
    return refuse('model_not_found', models.explainUnknown(modelName), 'body.model');
  }
  const dialect = models.dialectOf(model);
  const served = dialect === undefined ? [] : ENDPOINTS_OF_DIALECT[dialect];
  if (!served.includes(endpoint)) {
    const message = `The model '${model.name}' is served by ${model.provider}, which has ${served.join(', ')} and not ${endpoint}.`;
    return refuse('unsupported_endpoint', message, 'url');
  }
  return { kind: 'good', customId: name, endpoint, model: modelName, body };
}

function missing(field: string): [code: string, message: string, param: string] {
  return ['missing_required_parameter', `Missing required parameter: '${field}'.`, field];
}

function notText(field: string): [code: string, message: string, param: string] {
  return ['invalid_type', `Invalid type for '${field}': expected a string.`, field];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
