import { erroredLine, succeededLine, unansweredLine } from '../../contracts/message-batches.ts';
import { ERROR_PRESENTATIONS } from '../../contracts/problem.ts';
import { readStoredAnswer, type StoredAnswer } from '../../contracts/stored-answer.ts';
import type { BatchRecord } from '../../domain/batches/batch.ts';
import { type BatchRow, type BatchRowsDeps, batchRows } from './batch-rows.ts';

/** The results of a message batch, some lines at a time, each in one of Anthropic's four shapes. */
export async function* renderMessageResults(
  deps: BatchRowsDeps,
  batch: BatchRecord,
): AsyncGenerator<Uint8Array> {
  for await (const rows of batchRows(deps, batch, { refused: true, status: () => true })) {
    yield Buffer.from(rows.map((row) => `${renderRow(row)}\n`).join(''));
  }
}

/** A line that was edited or cut is said to be so: left out, nobody would miss it. */
const UNREADABLE: StoredAnswer = {
  statusCode: 0,
  providerRequestId: '',
  bodyJson: null,
  error: { code: 'internal', message: 'The stored answer cannot be read.' },
};

function renderRow(row: BatchRow): string {
  if (row.kind === 'refused') {
    const { customId } = row.row;
    if (row.row.kind === 'cancelled') return unansweredLine(customId, 'canceled');
    const { status, message } = row.row;
    return erroredLine(customId, { status, message, requestId: '' }, null);
  }
  const { view, status, line } = row;
  const { customId } = view;
  if (status === 'cancelled') return unansweredLine(customId, 'canceled');
  if (status === 'expired') return unansweredLine(customId, 'expired');
  const answer = readStoredAnswer(Buffer.from(line).toString()) ?? UNREADABLE;
  if (status === 'succeeded' && answer.bodyJson !== null) {
    return succeededLine(customId, answer.bodyJson);
  }
  const known = Object.entries(ERROR_PRESENTATIONS).find(([code]) => code === answer.error?.code);
  const error = {
    status: answer.statusCode || (known?.[1].status ?? 500),
    message: answer.error?.message ?? ERROR_PRESENTATIONS.internal.title,
    requestId: answer.providerRequestId || view.id,
  };
  const isTheirs =
    answer.bodyJson !== null && /^\s*\{\s*"type"\s*:\s*"error"/.test(answer.bodyJson);
  return erroredLine(customId, error, isTheirs ? answer.bodyJson : null);
}
