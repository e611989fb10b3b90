/** Mistral's batch jobs: lines without a route, one model for all of them, and words of its own. */

import type { NativeBatchEnd, NativeBatchView } from '../../../domain/native/native-batch.ts';
import { isRecord } from '../json.ts';
import {
  type NativeDialect,
  PAGE_SIZE,
  ROW_OVERHEAD_BYTES,
  SAFE_ROW_ID,
} from './native-dialect.ts';
import { readOpenAiRow } from './openai-rows.ts';
import {
  countsIn,
  faultsIn,
  idIn,
  idsAmong,
  instantIn,
  JOB_MARK,
  jobIn,
  plainStatus,
  rawStatusIn,
} from './view-fields.ts';

/** The page on limits, which is lower than the guide. */
const LIMITS = {
  mostRows: 100_000,
  mostBytes: 512_000_000,
  rowOverheadBytes: ROW_OVERHEAD_BYTES,
  rowIdPattern: SAFE_ROW_ID,
};

const ENDPOINTS = new Set(['/v1/chat/completions', '/v1/embeddings']);
const HOURS = 24;

export function mistralBatches(): NativeDialect {
  const pageQuery = (page: number): Record<string, string> => ({
    page: String(page),
    page_size: String(PAGE_SIZE),
  });
  return {
    limits: LIMITS,
    serves: (endpoint) => ENDPOINTS.has(endpoint),
    fileFields: [['purpose', 'batch']],
    rowOf: (_input, { rowId, body }) => {
      const { model: _ours, ...rest } = body;
      return { custom_id: rowId, body: rest };
    },
    createBody: ({ endpoint, model, jobId }, inputFileId) => ({
      input_files: [inputFileId],
      model,
      endpoint,
      metadata: { [JOB_MARK]: jobId },
      timeout_hours: HOURS,
    }),
    batchesPath: '/batch/jobs',
    outputPath: (output) => `/files/${encodeURIComponent(output)}/content`,
    deletePath: (id) => `/files/${encodeURIComponent(id)}`,
    firstPage: (sinceMs) => ({
      ...pageQuery(0),
      created_after: new Date(Math.max(0, sinceMs)).toISOString(),
    }),
    nextPage: ({ entries, index, query }) =>
      entries.length < PAGE_SIZE ? null : { ...query, ...pageQuery(index + 1) },
    readBatch,
    readRow: readOpenAiRow,
  };
}

const ENDS: Readonly<Record<string, NativeBatchEnd>> = {
  success: 'completed',
  failed: 'failed',
  timeoutexceeded: 'expired',
  cancelled: 'cancelled',
};

function readBatch(body: unknown, heardAtMs: number): NativeBatchView | null {
  const id = isRecord(body) ? idIn(body['id']) : null;
  if (!isRecord(body) || id === null || !('status' in body)) return null;
  const status = plainStatus(body['status']);
  const end = ENDS[status] ?? null;
  const inputs: unknown = body['input_files'];
  return {
    id,
    end,
    rawStatus: rawStatusIn(body['status']),
    isCancelling: status === 'cancellationrequested',
    counts: countsIn(body, {
      total: 'total_requests',
      completed: 'succeeded_requests',
      failed: 'failed_requests',
    }),
    createdAtMs: instantIn(body['created_at']) ?? heardAtMs,
    expiresAtMs: null,
    outputs: end === null ? [] : idsAmong(body['output_file'], body['error_file']),
    faults: faultsIn(body['errors']),
    jobId: jobIn(body['metadata']),
    inputFileId: Array.isArray(inputs) ? idIn(inputs[0]) : null,
    retryAfterMs: null,
  };
}
