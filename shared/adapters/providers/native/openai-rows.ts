/** Lines of OpenAI's output and error files, and of those that look like them. */

import type { NativeRow } from '../../../domain/native/native-batch.ts';
import type { NativeRowsQuery } from '../../../ports/native-batch-provider.ts';
import { isRecord, type JsonRecord } from '../json.ts';
import type { RowLine } from './native-dialect.ts';
import { failedRow, judgedRow, rowIdIn } from './row-verdicts.ts';

/** Rows the provider did not come to, by the code it gives them. */
const NOT_RUN: Readonly<Record<string, 'expired' | 'cancelled'>> = {
  batch_expired: 'expired',
  batch_cancelled: 'cancelled',
  batch_canceled: 'cancelled',
};

export function readOpenAiRow({ row, json }: RowLine, query: NativeRowsQuery): NativeRow {
  const rowId = rowIdIn(row);
  if (rowId === null) return { kind: 'unreadable', reason: 'The line has no custom_id' };
  const { response, error } = row;
  if (isRecord(response)) {
    const body = response['body'];
    const statusCode = statusOf(response);
    // Seen as `status_code: 0` with an empty body, while the counts say that nothing failed.
    if (statusCode === 0) return { kind: 'unfinished', rowId, reason: 'lost' };
    return judgedRow({
      rowId,
      statusCode,
      requestId: typeof response['request_id'] === 'string' ? response['request_id'] : '',
      body,
      json,
      path: ['response', 'body'],
      query,
    });
  }
  if (error === null || error === undefined) return { kind: 'unfinished', rowId, reason: 'lost' };
  const code = isRecord(error) && typeof error['code'] === 'string' ? error['code'] : '';
  const reason = NOT_RUN[code.toLowerCase()];
  if (reason !== undefined) return { kind: 'unfinished', rowId, reason };
  return failedRow({
    rowId,
    statusCode: 0,
    requestId: '',
    body: { error },
    json,
    path: ['error'],
    query,
  });
}

/** 200 where a row with a body does not say. */
function statusOf({ status_code: status, body }: JsonRecord): number {
  const code = typeof status === 'string' ? Number(status) : status;
  if (typeof code === 'number' && Number.isInteger(code)) return code;
  return isRecord(body) && Object.keys(body).length > 0 ? 200 : 0;
}
