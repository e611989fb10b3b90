import { refusedRow, unansweredRow } from '../../contracts/batch-output.ts';
import type { RefusedRow } from '../../contracts/refused-rows.ts';
import type { BatchRecord } from '../../domain/batches/batch.ts';
import type { RequestView } from '../../domain/requests/request.ts';
import { type BatchRow, type BatchRowsDeps, batchRows, refusedRows } from './batch-rows.ts';

const LINE_FEED = Buffer.from('\n');

/** A batch's output or error file as it stands, some lines at a time. */
export async function* renderOutput(
  deps: BatchRowsDeps,
  batch: BatchRecord,
  content: 'output' | 'errors',
): AsyncGenerator<Uint8Array> {
  const isOutput = content === 'output';
  const wanted = {
    refused: !isOutput,
    status: (status: string) => (status === 'succeeded') === isOutput,
  };
  for await (const rows of batchRows(deps, batch, wanted)) {
    yield Buffer.concat(rows.flatMap((row) => [renderRow(batch, row), LINE_FEED]));
  }
}

/** What the rows of refused lines take in the error file. Unit: bytes. */
export async function sizeOfRefused(
  deps: Pick<BatchRowsDeps, 'contents'>,
  batch: BatchRecord,
): Promise<number> {
  let bytes = 0;
  for await (const rows of refusedRows(deps, batch)) {
    for (const row of rows) bytes += Buffer.byteLength(refused(batch, row)) + LINE_FEED.length;
  }
  return bytes;
}

/** What the row of a request that was not answered takes, without its line feed. Unit: bytes. */
export function sizeOfUnanswered(
  view: Pick<RequestView, 'id' | 'customId'>,
  status: 'expired' | 'cancelled',
): number {
  return Buffer.byteLength(unanswered(view, status));
}

function renderRow(batch: BatchRecord, row: BatchRow): Uint8Array {
  if (row.kind === 'refused') return Buffer.from(refused(batch, row.row));
  const { view, status, line } = row;
  return status === 'expired' || status === 'cancelled'
    ? Buffer.from(unanswered(view, status))
    : line;
}

function unanswered(
  { id, customId }: Pick<RequestView, 'id' | 'customId'>,
  status: 'expired' | 'cancelled',
): string {
  return unansweredRow(`batch_req_${id}`, customId, status);
}

function refused(batch: BatchRecord, row: RefusedRow): string {
  const { line, customId } = row;
  const id = `batch_req_${batch.id.replace('batch_', '')}_${line}`;
  return row.kind === 'cancelled'
    ? unansweredRow(id, customId, 'cancelled')
    : refusedRow(id, customId, row);
}
