/** From the bytes of an answer to JSON text on one line. */

import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';
import { headerOf, type WireHeaders } from './wire-headers.ts';

/** We ask for no compression, to save CPU; gateways in between may compress all the same. */
const DECODERS: Readonly<
  Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>
> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

const BYTE_ORDER_MARK = 0xfeff;

export type DecodedText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'undecodable'; readonly detail: string };

/** Undoes the content encoding, up to `maxBytes` of result, and a byte order mark. Never rejects. */
export async function decodeText(
  body: Buffer,
  headers: WireHeaders,
  maxBytes: number,
): Promise<DecodedText> {
  const encoding = headerOf(headers, 'content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return { kind: 'text', text: textOf(body) };
  const decode = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (decode === undefined) {
    const detail = 'The answer has a content encoding that was not asked for and is not known';
    return { kind: 'undecodable', detail };
  }
  try {
    return { kind: 'text', text: textOf(await decode(body, { maxOutputLength: maxBytes })) };
  } catch {
    const detail = `The answer's ${encoding} encoding is damaged or decodes to more than is accepted`;
    return { kind: 'undecodable', detail };
  }
}

/** Ill-formed UTF-8 becomes replacement characters: the answer was paid for, and is mostly there. */
function textOf(body: Buffer): string {
  const text = body.toString('utf8');
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}

const LINE_BREAKS = /[\n\r\u2028\u2029]/;

/**
 * Valid JSON without line breaks, every value as it was written: re-serialising would round large
 * numbers. Within strings JSON allows only U+2028 and U+2029 unescaped, which many line readers
 * take for line breaks; all other breaks stand between tokens.
 */
export function onOneLine(json: string): string {
  if (!LINE_BREAKS.test(json)) return json;
  return json
    .replace(/[\n\r][ \t\n\r]*/g, '')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}
