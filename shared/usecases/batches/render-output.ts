import { refusedRow, unansweredRow } from '../../contracts/batch-output.ts';
import type { BatchRecord } from '../../domain/batch.ts';
import { type BatchRow, type BatchRowsDeps, batchRows } from './batch-rows.ts';

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

function renderRow(batch: BatchRecord, row: BatchRow): Uint8Array {
  if (row.kind === 'ended') {
    const { view, status, line } = row;
    return status === 'expired' || status === 'cancelled'
      ? Buffer.from(unansweredRow(`batch_req_${view.id}`, view.customId, status))
      : line;
  }
  const { line, customId } = row.row;
  const id = `batch_req_${batch.id.replace('batch_', '')}_${line}`;
  return Buffer.from(
    row.row.kind === 'cancelled'
      ? unansweredRow(id, customId, 'cancelled')
      : refusedRow(id, customId, row.row),
  );
}
