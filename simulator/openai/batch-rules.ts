import type { Problem } from '../call.ts';
import { asString, isObject, type JsonObject } from '../json.ts';
import type { OpenAiBatch } from './batch.ts';
import { invalidRequest } from './errors.ts';
import { readExpiry } from './file-rules.ts';

const ENDPOINTS = [
  '/v1/responses',
  '/v1/chat/completions',
  '/v1/embeddings',
  '/v1/completions',
  '/v1/moderations',
  '/v1/images/generations',
  '/v1/images/edits',
  '/v1/videos',
];
const PARAMS = new Set([
  'input_file_id',
  'endpoint',
  'completion_window',
  'metadata',
  'output_expires_after',
]);
const MOST_PAIRS = 16;
const MOST_KEY_CHARS = 64;
const MOST_VALUE_CHARS = 512;

/** What a client asks for when it creates a batch. */
export interface BatchRequest
  extends Pick<OpenAiBatch, 'endpoint' | 'window' | 'metadata' | 'outputExpiresAfterSeconds'> {
  readonly inputFileId: string;
}

/** Reads the body of POST /v1/batches. The input file itself is looked into later, and may fail the batch then. */
export function readBatchRequest(
  body: unknown,
  isAzure: boolean,
  windows: readonly string[],
): BatchRequest | Problem {
  if (!isObject(body)) return invalidRequest('The body must be a JSON object.', null, null);
  const unknown = Object.keys(body).find((name) => !PARAMS.has(name));
  if (unknown !== undefined && !isAzure) {
    return invalidRequest(`Unknown parameter: '${unknown}'.`, unknown, 'unknown_parameter');
  }
  for (const name of ['input_file_id', 'endpoint', 'completion_window']) {
    if (asString(body[name]) !== undefined) continue;
    const text = `Missing required parameter: '${name}'.`;
    return invalidRequest(text, name, 'missing_required_parameter');
  }
  const endpoint = asString(body['endpoint']) ?? '';
  // Azure writes its routes without the version.
  const route = isAzure && !endpoint.startsWith('/v1/') ? `/v1${endpoint}` : endpoint;
  if (!ENDPOINTS.includes(route)) {
    const known = ENDPOINTS.map((name) => `'${name}'`).join(', ');
    const text = `Invalid value: '${endpoint}'. Supported values are: ${known}.`;
    return invalidRequest(text, 'endpoint', 'invalid_value');
  }
  const window = asString(body['completion_window']) ?? '';
  if (!windows.includes(window)) {
    const known = windows.map((name) => `'${name}'`).join(' or ');
    const text = `Invalid value: '${window}'. Value must be ${known}.`;
    return invalidRequest(text, 'completion_window', 'invalid_value');
  }
  const metadata = readMetadata(body['metadata']);
  if (metadata !== null && isProblem(metadata)) return metadata;
  const outputExpiresAfterSeconds = readExpiry(
    body['output_expires_after'],
    'output_expires_after',
  );
  if (typeof outputExpiresAfterSeconds === 'object') return outputExpiresAfterSeconds;
  const inputFileId = asString(body['input_file_id']) ?? '';
  return { inputFileId, endpoint, window, metadata, outputExpiresAfterSeconds };
}

function readMetadata(given: unknown): Readonly<Record<string, string>> | null | Problem {
  if (given === undefined || given === null) return null;
  if (!isObject(given)) {
    return invalidRequest(
      "Invalid type for 'metadata': expected an object.",
      'metadata',
      'invalid_type',
    );
  }
  return checkMetadata(given) ?? Object.fromEntries(pairsOf(given));
}

function checkMetadata(given: JsonObject): Problem | undefined {
  const entries = Object.entries(given);
  if (entries.length > MOST_PAIRS) {
    const text = `Invalid 'metadata': too many properties. Expected an object with at most ${MOST_PAIRS} properties, but got an object with ${entries.length} properties instead.`;
    return invalidRequest(text, 'metadata', 'object_above_max_properties');
  }
  for (const [key, value] of entries) {
    if (typeof value !== 'string') {
      const text = `Invalid type for 'metadata.${key}': expected a string.`;
      return invalidRequest(text, `metadata.${key}`, 'invalid_type');
    }
    if (key.length > MOST_KEY_CHARS) {
      const text = `Invalid 'metadata': the key '${key}' is longer than ${MOST_KEY_CHARS} characters.`;
      return invalidRequest(text, 'metadata', 'property_name_above_max_length');
    }
    if (value.length <= MOST_VALUE_CHARS) continue;
    const text = `Invalid 'metadata.${key}': string too long. Expected a string with maximum length ${MOST_VALUE_CHARS}, but got a string with length ${value.length} instead.`;
    return invalidRequest(text, `metadata.${key}`, 'string_above_max_length');
  }
  return undefined;
}

function pairsOf(given: JsonObject): [string, string][] {
  return Object.entries(given).map(([key, value]) => [key, String(value)]);
}

function isProblem(value: object): value is Problem {
  return 'message' in value && 'status' in value && typeof value.status === 'number';
}

export function unknownBatch(id: string): Problem {
  return { ...invalidRequest(`No batch found with id '${id}'.`, 'id', null), status: 404 };
}
