/** From a batch's rows to the bytes of its body, a piece at a time. */

import { randomUUID } from 'node:crypto';
import type { ErrorCode } from '../../../domain/errors.ts';
import type { NativeBatchLimits } from '../../../domain/native/native-batch.ts';
import type { NativeBatchInput, NativeBatchRow } from '../../../ports/native-batch-provider.ts';

/** Bytes gathered before they are sent: enough that rows do not become packets of their own. */
const PIECE_BYTES = 65_536;
const LINE_BREAKS_IN_STRINGS = /[\u2028\u2029]/;

/** Something about the rows that keeps them from being sent. */
export class RowsRefused extends Error {
  override readonly name = 'RowsRefused';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What stands around and between rows. */
export interface RowLayout {
  readonly before: string;
  readonly between: string;
  readonly after: string;
}

export const JSON_LINES: RowLayout = { before: '', between: '\n', after: '\n' };
export const INLINE_REQUESTS: RowLayout = { before: '{"requests":[', between: ',', after: ']}' };

/**
 * The rows in their layout. A file is either whole or not ended at all: whatever is wrong with a
 * row, or with their number or size, throws before the last byte.
 *
 * @throws {RowsRefused}
 */
export async function* encodeRows(
  input: NativeBatchInput,
  limits: NativeBatchLimits,
  layout: RowLayout,
  rowOf: (row: NativeBatchRow) => unknown,
): AsyncGenerator<Buffer, void> {
  let gathered = layout.before;
  let sentBytes = 0;
  let rows = 0;
  const cut = (): Buffer => {
    const piece = Buffer.from(gathered);
    gathered = '';
    sentBytes += piece.length;
    if (sentBytes <= limits.mostBytes) return piece;
    const message = `The rows of batch ${input.jobId} come to more than ${limits.mostBytes} bytes; make it smaller`;
    throw new RowsRefused('payload_too_large', message);
  };
  for await (const row of input.rows()) {
    if (!limits.rowIdPattern.test(row.rowId)) {
      throw new RowsRefused('internal', `The provider takes no such row id: ${row.rowId}`);
    }
    if (rows > 0) gathered += layout.between;
    gathered += asLine(row.rowId, rowOf(row));
    rows += 1;
    // UTF-16 units: never more than the bytes.
    if (gathered.length >= PIECE_BYTES) yield cut();
  }
  if (rows !== input.rowCount) {
    const message = `Batch ${input.jobId} is to have ${input.rowCount} rows, but ${rows} came`;
    throw new RowsRefused('internal', message);
  }
  gathered += layout.after;
  yield cut();
}

/** JSON on one line, for readers too that break lines at U+2028 and U+2029. */
function asLine(rowId: string, row: unknown): string {
  let json: string;
  try {
    json = JSON.stringify(row);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RowsRefused('invalid_request', `Row ${rowId} cannot be written as JSON: ${reason}`);
  }
  return LINE_BREAKS_IN_STRINGS.test(json)
    ? json.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
    : json;
}

export interface MultipartForm {
  readonly contentType: string;
  readonly pieces: AsyncIterable<Buffer>;
}

/** A form of plain fields and one file. Names and values are ours, and need no escaping. */
export function multipartForm(
  fields: readonly (readonly [name: string, value: string])[],
  fileName: string,
  file: AsyncIterable<Buffer>,
): MultipartForm {
  const boundary = `penstock-${randomUUID()}`;
  const part = (name: string, more = ''): string =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n`;
  async function* pieces(): AsyncGenerator<Buffer, void> {
    const head = fields.map(([name, value]) => `${part(name)}\r\n${value}\r\n`).join('');
    // Azure refuses files without a type; this one is what OpenAI's own SDKs send for JSONL.
    const opening = `${part('file', `; filename="${fileName}"`)}content-type: application/octet-stream\r\n\r\n`;
    yield Buffer.from(head + opening);
    yield* file;
    yield Buffer.from(`\r\n--${boundary}--\r\n`);
  }
  return { contentType: `multipart/form-data; boundary=${boundary}`, pieces: pieces() };
}
