/** Which requests the rows of a job are: written down before the job is, in lines of the payload store. */

import type { LeasedRequest, PayloadPointer } from '../../domain/request.ts';
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

/** The rows of a manifest, in the order of their ids. */
export async function readManifest(
  payloads: PayloadStore,
  pointer: PayloadPointer,
): Promise<ManifestRow[]> {
  const all: ManifestRow[] = [];
  for await (const { rows } of readManifestFrom(payloads, pointer, 0, LINES_PER_READ)) {
    for (const row of rows) all.push(row);
  }
  return all;
}

/** The same from that row on, some hundreds at a time; `first` is the place of the first of them. */
export async function* readManifestFrom(
  payloads: PayloadStore,
  pointer: PayloadPointer,
  firstRow: number,
  linesPerRead = 1,
): AsyncGenerator<{ readonly first: number; readonly rows: ManifestRow[] }> {
  const [index] = await payloads.read([pointer]);
  const pointers: PayloadPointer[] = JSON.parse(textOf(index));
  // A tenant and a segment stand in very many rows; each is kept once.
  const names = new Map<string, string>();
  let at = Math.floor(firstRow / ROWS_PER_LINE);
  while (at < pointers.length) {
    const first = at * ROWS_PER_LINE;
    const rows: ManifestRow[] = [];
    for (const line of await payloads.read(pointers.slice(at, at + linesPerRead))) {
      const encoded: Encoded[] = JSON.parse(textOf(line));
      for (const row of encoded) rows.push(decodeRow(row, names));
    }
    const skipped = Math.max(0, firstRow - first);
    yield { first: first + skipped, rows: rows.slice(skipped) };
    at += linesPerRead;
  }
}

const decoder = new TextDecoder();

function textOf(line: Uint8Array | undefined): string {
  return decoder.decode(line);
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

function decodeRow(row: Encoded, names: Map<string, string>): ManifestRow {
  const [, id, customId, fence, attempts, firstAttemptAtMs, , ...rest] = row;
  const [offset, length, inputTokens, maxOutputTokens, lane, deadlineAtMs] = rest;
  const tenant = once(names, row[0]);
  const body = { segment: once(names, row[6]), offset, length };
  const request = { tenant, id, customId, fence, attempts, firstAttemptAtMs, body };
  return { ...request, inputTokens, maxOutputTokens, lane, deadlineAtMs };
}

function once(names: Map<string, string>, name: string): string {
  const known = names.get(name);
  if (known === undefined) names.set(name, name);
  return known ?? name;
}
