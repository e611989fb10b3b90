/** One input line, from bytes to a request that may be sent, or to the reason why not. */

import { didYouMean } from '../../shared/contracts/closest-name.ts';
import { ENDPOINTS_OF_DIALECT } from '../../shared/contracts/dialect-endpoints.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import type { ErrorCode } from '../../shared/domain/errors.ts';
import { type InputLine, MOST_LINE_BYTES } from '../../shared/domain/json/line-splitter.ts';
import { ENDPOINTS, type Endpoint } from '../../shared/domain/requests/request.ts';
import type { ModelDirectory } from '../../shared/usecases/submit-requests.ts';
import { parseLine } from './parse-line.ts';

type Json = Readonly<Record<string, unknown>>;

export interface CheckedLine {
  readonly kind: 'good';
  readonly customId: string;
  readonly endpoint: Endpoint;
  readonly model: ModelSettings;
  readonly body: Json;
}

/** What is wrong with a line, in words that say what to write instead. */
export interface LineFault {
  readonly kind: 'bad';
  readonly code: ErrorCode;
  readonly message: string;
  /** As far as the line has one. */
  readonly customId: string | null;
}

const MOST_ID_CHARACTERS = 512;
const LINE_KEYS = ['custom_id', 'method', 'url', 'body'];
const MEBIBYTE = 1_048_576;

/** What lines may name. */
export type LineModels = Pick<ModelDirectory, 'get' | 'dialectOf' | 'explainUnknown'>;

/** A line whose form is right; whether its model is, remains to be seen. */
export interface FormedLine {
  readonly kind: 'formed';
  readonly customId: string;
  readonly endpoint: Endpoint;
  readonly modelName: string;
  readonly body: Json;
}

/**
 * Checks the form of a line. `otherFault` may find more wrong with it, e.g. for another judge.
 */
export function checkForm(
  line: InputLine,
  otherFault: (line: Json) => string | null = () => null,
): FormedLine | LineFault {
  if (line.bytes === null) {
    const megabytes = Math.ceil(line.length / MEBIBYTE);
    return fault(
      'payload_too_large',
      `the line holds ${megabytes} MiB; at most ${MOST_LINE_BYTES / MEBIBYTE} MiB are taken`,
    );
  }
  const parsed = parseLine(line.bytes);
  if (parsed.kind === 'bad') return fault('invalid_request', parsed.message);
  if (!isObject(parsed.value)) {
    return fault('invalid_request', `the line is ${nameOf(parsed.value)}, not an object`);
  }
  const checked = checkFields(parsed.value);
  if (checked.kind === 'bad') return checked;
  const other = otherFault(parsed.value);
  return other === null ? checked : fault('invalid_request', other, checked.customId);
}

function checkFields(line: Json): FormedLine | LineFault {
  const { custom_id: customId, method, url, body } = line;
  if (typeof customId !== 'string' || customId === '' || customId.length > MOST_ID_CHARACTERS) {
    const found = describe(line, 'custom_id');
    const message = `custom_id ${found}; give each line a text of its own, 1 to ${MOST_ID_CHARACTERS} characters long`;
    return fault('invalid_request', message);
  }
  const refuse = (code: ErrorCode, message: string) => fault(code, message, customId);
  if (method !== 'POST') {
    return refuse('invalid_request', `method ${describe(line, 'method')}; write "POST"`);
  }
  const endpoint = ENDPOINTS.find((known) => known === url);
  if (endpoint === undefined) {
    const hint = typeof url === 'string' ? didYouMean(url, ENDPOINTS) : '';
    const message = `url ${describe(line, 'url')}; known are ${ENDPOINTS.join(', ')}.${hint}`;
    return refuse('unsupported_endpoint', message);
  }
  if (!isObject(body)) {
    return refuse('invalid_request', `body ${describe(line, 'body')}; it holds the request itself`);
  }
  const { model: modelName, stream } = body;
  if (typeof modelName !== 'string' || modelName === '') {
    return refuse('invalid_request', `body.model ${describe(body, 'model')}; name the model`);
  }
  if (stream === true) {
    const message = 'body.stream is true; answers go to a file, so leave stream out';
    return refuse('invalid_request', message);
  }
  return { kind: 'formed', customId, endpoint, modelName, body };
}

/** Checks that the model of a line is known, and served where the line is to go. */
export function checkModel(
  { customId, endpoint, modelName, body }: FormedLine,
  models: LineModels,
): CheckedLine | LineFault {
  const refuse = (code: ErrorCode, message: string) => fault(code, message, customId);
  const model = models.get(modelName);
  if (model === undefined) return refuse('unknown_model', models.explainUnknown(modelName));
  const dialect = models.dialectOf(model);
  const endpoints = dialect === undefined ? [] : ENDPOINTS_OF_DIALECT[dialect];
  if (!endpoints.includes(endpoint)) {
    const message = `url is ${endpoint}, but ${modelName} is served by ${model.provider} (${dialect}), which has ${endpoints.join(', ')}`;
    return refuse('unsupported_endpoint', message);
  }
  return { kind: 'good', customId, endpoint, model, body };
}

function fault(code: ErrorCode, message: string, customId: string | null = null): LineFault {
  return { kind: 'bad', code, message, customId };
}

/** `is missing`, `is a number`, `is ""`: never more of a value than its kind. */
function describe(object: Json, key: string): string {
  if (Object.hasOwn(object, key)) {
    const value = object[key];
    if (value === '') return 'is empty';
    if (typeof value !== 'string') return `is ${nameOf(value)}`;
    return value.length <= 40 ? `is ${JSON.stringify(value)}` : `is a text of ${value.length}`;
  }
  const similar = LINE_KEYS.includes(key)
    ? Object.keys(object).find(
        (other) => other.toLowerCase().replace(/[-_ ]/g, '') === key.replace('_', ''),
      )
    : undefined;
  return similar === undefined
    ? 'is missing'
    : `is missing (${JSON.stringify(similar)} is not read)`;
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
