/** Lines of the results of Anthropic's message batches. */

import type { NativeRow } from '../../../domain/native/native-batch.ts';
import type { NativeRowsQuery } from '../../../ports/native-batch-provider.ts';
import { readErrorFacts } from '../error-facts.ts';
import { isRecord } from '../json.ts';
import type { RowLine } from './native-dialect.ts';
import { failedRow, judgedRow, rowIdIn } from './row-verdicts.ts';

export function readAnthropicRow({ row, json }: RowLine, query: NativeRowsQuery): NativeRow {
  const rowId = rowIdIn(row);
  if (rowId === null) return { kind: 'unreadable', reason: 'The line has no custom_id' };
  const { result } = row;
  const type = isRecord(result) ? result['type'] : null;
  if (!isRecord(result) || typeof type !== 'string') {
    return { kind: 'unreadable', reason: 'The line has no result' };
  }
  switch (type) {
    case 'succeeded':
      return judgedRow({
        rowId,
        statusCode: 200,
        requestId: '',
        body: result['message'],
        json,
        path: ['result', 'message'],
        query,
      });
    case 'canceled':
    case 'cancelled':
      return { kind: 'unfinished', rowId, reason: 'cancelled' };
    case 'expired':
      return { kind: 'unfinished', rowId, reason: 'expired' };
    default: {
      // An error response within the result's error, or the error itself.
      const error = result['error'];
      const requestId = isRecord(error) ? error['request_id'] : null;
      return failedRow({
        rowId,
        statusCode: statusOf(error),
        requestId: typeof requestId === 'string' ? requestId : '',
        body: error,
        json,
        path: ['result', 'error'],
        query,
      });
    }
  }
}

/** The statuses that Anthropic's errors have where they come as answers. */
const STATUSES: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

function statusOf(error: unknown): number {
  for (const code of readErrorFacts(error).codes) {
    const status = STATUSES[code];
    if (status !== undefined) return status;
  }
  return 500;
}
