/** Which requests the rows of a job are: written down before the job is, in lines of the payload store. */

import type { LeasedRequest, PayloadPointer } from '../../domain/requests/request.ts';
import type { PayloadStore } from '../../ports/payload-store.ts';

/** What is needed of a request to send it in a batch, and to publish what comes back. */
export type ManifestRow = Pick<
  LeasedRequest,
  | 'tenant'
  | 'id'
  | 'customId'
  | 'fence'
  | 'attempts'
  | 'firstAttemptAtMs'
  | 'body'
  | 'inputTokens'
  | 'maxOutputTokens'
  | 'lane'
  | 'deadlineAtMs'
>;

/** Whose the lines are: a job may hold requests of several tenants, and names no prompt. */
export const NATIVE_TENANT = '_native';

const ROWS_PER_LINE = 500;
const LINES_PER_READ = 16;

type Encoded = [
  tenant: string,
  id: string,
  customId: string | null,
  fence: number,
  attempts: number,
  firstAttemptAtMs: number | null,
  segment: string,
  offset: number,
  length: number,
  inputTokens: number,
  maxOutputTokens: number,
  lane: ManifestRow['lane'],
  deadlineAtMs: number | null,
];

/** Returns the pointer of a line that names the others. Durable on return. */
export async function writeManifest(
  payloads: PayloadStore,
  rows: readonly ManifestRow[],
): Promise<PayloadPointer> {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < rows.length; start += ROWS_PER_LINE) {
    const encoded = rows.slice(start, start + ROWS_PER_LINE).map(encodeRow);
    lines.push(Buffer.from(JSON.stringify(encoded)));
  }
  const pointers = await payloads.append(NATIVE_TENANT, lines);
  return writeLine(payloads, pointers);
}

/** Writes a line of JSON of the native lane's own. */
export async function writeLine(payloads: PayloadStore, value: object): Promise<PayloadPointer> {
  const line = Buffer.from(JSON.stringify(value));
  const [pointer] = await payloads.append(NATIVE_TENANT, [line]);
  if (pointer === undefined) throw new Error('A stored line has no pointer');
  return pointer;
}

/** The rows of a job, in the order of their ids. */
export interface ManifestRows extends Iterable<ManifestRow> {
  readonly length: number;
  at(index: number): ManifestRow | undefined;
  /** Those from one place to before another, or to the last. */
  slice(from: number, to: number): ManifestRow[];
}

/** The rows of a manifest. */
export async function readManifest(
  payloads: PayloadStore,
  pointer: PayloadPointer,
): Promise<ManifestRows> {
  const packed = new PackedRows();
  for await (const lines of linesOf(payloads, pointer, 0, LINES_PER_READ)) {
    for (const line of lines) packed.add(line);
  }
  return packed;
}

/** The same from that row on, some hundreds at a time; `first` is the place of the first of them. */
export async function* readManifestFrom(
  payloads: PayloadStore,
  pointer: PayloadPointer,
  firstRow: number,
): AsyncGenerator<{ readonly first: number; readonly rows: ManifestRow[] }> {
  let at = Math.floor(firstRow / ROWS_PER_LINE);
  for await (const lines of linesOf(payloads, pointer, at, 1)) {
    for (const line of lines) {
      const first = at * ROWS_PER_LINE;
      const skipped = Math.max(0, firstRow - first);
      yield { first: first + skipped, rows: encodedIn(line).slice(skipped).map(decodeRow) };
      at += 1;
    }
  }
}

/** The lines with the rows, from that line on, so many at a time. */
async function* linesOf(
  payloads: PayloadStore,
  pointer: PayloadPointer,
  firstLine: number,
  linesPerRead: number,
): AsyncGenerator<Uint8Array[]> {
  const [index] = await payloads.read([pointer]);
  const pointers: PayloadPointer[] = JSON.parse(decoder.decode(index));
  for (let at = firstLine; at < pointers.length; at += linesPerRead) {
    yield await payloads.read(pointers.slice(at, at + linesPerRead));
  }
}

/**
 * Rows as the bytes they are stored in, each decoded when it is asked for. Tens of thousands of
 * objects would be most of what a tick holds, and have V8 make room for twice as many.
 */
class PackedRows implements ManifestRows {
  length = 0;
  readonly #lines: { readonly bytes: Uint8Array; readonly ends: readonly number[] }[] = [];

  add(bytes: Uint8Array): void {
    const ends = rowEnds(bytes);
    this.#lines.push({ bytes, ends });
    this.length += ends.length;
  }

  at(index: number): ManifestRow | undefined {
    const line = this.#lines[Math.floor(index / ROWS_PER_LINE)];
    const place = index % ROWS_PER_LINE;
    const end = line?.ends[place];
    if (line === undefined || end === undefined) return undefined;
    // Behind the bracket of the list, or the comma after the row before.
    const start = 1 + (place === 0 ? 0 : (line.ends[place - 1] ?? 0));
    const encoded: Encoded = JSON.parse(decoder.decode(line.bytes.subarray(start, end)));
    return decodeRow(encoded);
  }

  slice(from: number, to: number): ManifestRow[] {
    const rows: ManifestRow[] = [];
    for (let index = from; index < Math.min(to, this.length); index += 1) {
      const row = this.at(index);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  *[Symbol.iterator](): Generator<ManifestRow> {
    for (let index = 0; index < this.length; index += 1) {
      const row = this.at(index);
      if (row !== undefined) yield row;
    }
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENS = 0x5b;
const CLOSES = 0x5d;

/** Where each row of a line ends; a row holds no list, so that only texts have to be passed over. */
function rowEnds(line: Uint8Array): number[] {
  const ends: number[] = [];
  let isText = false;
  let isRow = false;
  for (let at = 1; at < line.length; at += 1) {
    const byte = line[at];
    if (isText) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) {
      isText = true;
    } else if (byte === OPENS) {
      isRow = true;
    } else if (byte === CLOSES && isRow) {
      isRow = false;
      ends.push(at + 1);
    }
  }
  return ends;
}

const decoder = new TextDecoder();

function encodedIn(line: Uint8Array): Encoded[] {
  return JSON.parse(decoder.decode(line));
}

function encodeRow(row: ManifestRow): Encoded {
  const { segment, offset, length } = row.body;
  return [
    row.tenant,
    row.id,
    row.customId,
    row.fence,
    row.attempts,
    row.firstAttemptAtMs,
    segment,
    offset,
    length,
    row.inputTokens,
    row.maxOutputTokens,
    row.lane,
    row.deadlineAtMs,
  ];
}

function decodeRow(row: Encoded): ManifestRow {
  const [tenant, id, customId, fence, attempts, firstAttemptAtMs, segment, ...rest] = row;
  const [offset, length, inputTokens, maxOutputTokens, lane, deadlineAtMs] = rest;
  const body = { segment, offset, length };
  const request = { tenant, id, customId, fence, attempts, firstAttemptAtMs, body };
  return { ...request, inputTokens, maxOutputTokens, lane, deadlineAtMs };
}
