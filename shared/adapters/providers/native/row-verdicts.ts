/** What a row of results comes to, by the rules that hold for single answers. */

import type { NativeRow } from '../../../domain/native/native-batch.ts';
import type { NativeRowsQuery } from '../../../ports/native-batch-provider.ts';
import { onOneLine } from '../answer-text.ts';
import { readAnswer } from '../answers.ts';
import { classifyError } from '../error-classification.ts';
import type { JsonRecord } from '../json.ts';
import { rawValueAt } from './raw-json.ts';

/** Error bodies beyond this are summed up by their message alone. Unit: UTF-16 units. */
const LONGEST_ERROR_BODY = 65_536;
const LONGEST_ROW_ID = 512;

export interface AnsweredLine {
  readonly rowId: string;
  /** 0 where the provider names none. */
  readonly statusCode: number;
  readonly requestId: string;
  readonly body: unknown;
  readonly json: string;
  /** Where the body stands within the line. */
  readonly path: readonly string[];
  readonly query: NativeRowsQuery;
}

/** A row that says how it went: an answer, or an error by its status or its body. */
export function judgedRow(line: AnsweredLine): NativeRow {
  const { rowId, statusCode, requestId, body, query } = line;
  if (statusCode < 200 || statusCode > 299) return failedRow(line);
  const answer = readAnswer(query.endpoint, body);
  if (answer.kind === 'error') return failedRow(line);
  const common = { rowId, statusCode, requestId: requestId.slice(0, 200) };
  const bodyJson = bodyOf(line);
  if (answer.kind === 'malformed') {
    const message = answer.detail;
    const shown = bodyJson.length <= LONGEST_ERROR_BODY ? bodyJson : null;
    return { kind: 'failed', ...common, code: 'provider_malformed', message, bodyJson: shown };
  }
  const { usage, finishReason } = answer;
  return { kind: 'answered', ...common, bodyJson, usage, finishReason };
}

/** A row that failed. */
export function failedRow(line: AnsweredLine): NativeRow {
  const { rowId, statusCode, requestId, body, query } = line;
  const found = classifyError({
    // What has no status is judged by its codes, as an error under a status of success is.
    statusCode: statusCode === 0 ? 200 : statusCode,
    body,
    lane: 'native',
    model: query.model,
  });
  const bodyJson = bodyOf(line);
  return {
    kind: 'failed',
    rowId,
    code: found.code,
    message: found.message ?? `The row failed with status ${statusCode}, without a reason`,
    statusCode,
    requestId: requestId.slice(0, 200),
    bodyJson: bodyJson.length <= LONGEST_ERROR_BODY ? bodyJson : null,
  };
}

function bodyOf({ json, path, body }: AnsweredLine): string {
  return onOneLine(rawValueAt(json, path) ?? JSON.stringify(body ?? null));
}

/** The row's id, whoever's it is; `null` where there is none. */
export function rowIdIn({ custom_id: id }: JsonRecord): string | null {
  return typeof id === 'string' && id !== '' && id.length <= LONGEST_ROW_ID ? id : null;
}
