/** The bytes of a call, bounded before anything looks at them. */

import { AppError } from '../../shared/domain/errors.ts';
import {
  type JsonLimits,
  MAX_JSON_DEPTH,
  MAX_JSON_KEYS,
  parseGuardedJson,
} from '../../shared/domain/json/json-guard.ts';

/** A refusal that HTTP has its own status for. */
export class UnsupportedMediaType extends Error {
  override readonly name = 'UnsupportedMediaType';
}

const JSON_TYPES = ['application/json'];
const JSONL_TYPES = ['application/jsonl', 'application/x-ndjson', 'application/x-jsonlines'];

/**
 * Whether the body is one JSON text or one JSON text a line.
 *
 * @throws {UnsupportedMediaType} for any other type, charset or encoding.
 */
export function bodyFormat(headers: Headers, mayBeLines: boolean): 'json' | 'lines' {
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new UnsupportedMediaType('content-encoding: send the body as it is, not compressed');
  }
  const [type = '', ...parameters] = (headers.get('content-type') ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  if (isUtf8 && JSON_TYPES.includes(type)) return 'json';
  if (isUtf8 && mayBeLines && JSONL_TYPES.includes(type)) return 'lines';
  const accepted = mayBeLines ? [...JSON_TYPES, ...JSONL_TYPES] : JSON_TYPES;
  throw new UnsupportedMediaType(`content-type: send ${accepted.join(' or ')}, in UTF-8`);
}

/**
 * `otherWay` says where a larger body may go.
 *
 * @throws {AppError} `payload_too_large` as soon as it is, without reading on.
 */
export async function readBytes(
  request: Request,
  maxBytes: number,
  otherWay?: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes, otherWay);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(request)) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLarge(maxBytes, otherWay);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** The caller may hang up in the middle of the body, which is its fault and not ours. */
async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  const reader = request.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw new AppError('invalid_request', 'The body ended before it was complete', {
          cause: error,
        });
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** @throws {AppError} `invalid_request` naming the place, or `payload_too_large`. */
export function parseJson(bytes: Uint8Array, maxKeys = MAX_JSON_KEYS): unknown {
  const limits: JsonLimits = { maxBytes: bytes.length, maxDepth: MAX_JSON_DEPTH, maxKeys };
  const parsed = parseGuardedJson(bytes, limits);
  if (parsed.ok) return parsed.value;
  throw new AppError(parsed.fault.code, parsed.fault.message);
}

function tooLarge(
  maxBytes: number,
  otherWay = 'Send fewer or smaller requests in one call',
): AppError {
  const message = `The body holds more than ${maxBytes} bytes. ${otherWay}`;
  return new AppError('payload_too_large', message, { details: { maxBytes } });
}
