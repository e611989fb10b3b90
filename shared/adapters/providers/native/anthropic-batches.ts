/** Anthropic's message batches: rows travel with the create, and all of a batch lies under its id. */

import { anthropicCache } from '../../../domain/caching/cache-priming.ts';
import type { NativeBatchEnd, NativeBatchView } from '../../../domain/native/native-batch.ts';
import { isRecord, type JsonRecord } from '../json.ts';
import { readAnthropicRow } from './anthropic-rows.ts';
import {
  type NativeDialect,
  PAGE_SIZE,
  ROW_OVERHEAD_BYTES,
  SAFE_ROW_ID,
} from './native-dialect.ts';
import { countIn, idIn, instantIn, plainStatus, rawStatusIn } from './view-fields.ts';

/** "256 MB", counted as decimal to be safe. */
const LIMITS = {
  mostRows: 100_000,
  mostBytes: 256_000_000,
  rowOverheadBytes: ROW_OVERHEAD_BYTES,
  rowIdPattern: SAFE_ROW_ID,
  cacheOf: anthropicCache,
};

export function anthropicBatches(): NativeDialect {
  const batchPath = (id: string): string => `/messages/batches/${encodeURIComponent(id)}`;
  return {
    limits: LIMITS,
    serves: (endpoint) => endpoint === '/v1/messages',
    fileFields: null,
    rowOf: ({ model }, { rowId, body }) => ({ custom_id: rowId, params: { ...body, model } }),
    createBody: () => ({}),
    batchesPath: '/messages/batches',
    // Its `results_url` says the same, but a key is not sent wherever an answer points.
    outputPath: (id) => `${batchPath(id)}/results`,
    deletePath: batchPath,
    firstPage: () => ({ limit: String(PAGE_SIZE) }),
    nextPage: ({ body, entries }) => {
      const last = entries.at(-1);
      const cursor = idIn(body['last_id']) ?? (isRecord(last) ? idIn(last['id']) : null);
      if (body['has_more'] !== true || cursor === null) return null;
      return { limit: String(PAGE_SIZE), after_id: cursor };
    },
    readBatch,
    readRow: readAnthropicRow,
  };
}

function readBatch(body: unknown, heardAtMs: number): NativeBatchView | null {
  const id = isRecord(body) ? idIn(body['id']) : null;
  if (!isRecord(body) || id === null || !('processing_status' in body)) return null;
  const status = plainStatus(body['processing_status']);
  const end = status === 'ended' ? endOf(body) : null;
  // Past their life the results are gone; asking for them would only say so again.
  const isArchived = instantIn(body['archived_at']) !== null;
  return {
    id,
    end,
    rawStatus: rawStatusIn(body['processing_status']),
    isCancelling: status === 'canceling' || status === 'cancelling',
    counts: countsOf(body['request_counts']),
    createdAtMs: instantIn(body['created_at']) ?? heardAtMs,
    expiresAtMs: instantIn(body['expires_at']),
    outputs: end === null || isArchived ? [] : [id],
    faults: [],
    jobId: null,
    inputFileId: null,
    retryAfterMs: null,
  };
}

/** Anthropic only says that it ended; the rows say how. */
function endOf(body: JsonRecord): NativeBatchEnd {
  const counts = body['request_counts'];
  const count = (name: string): number => (isRecord(counts) ? (countIn(counts[name]) ?? 0) : 0);
  if (count('canceled') > 0 || instantIn(body['cancel_initiated_at']) !== null) return 'cancelled';
  return count('expired') > 0 ? 'expired' : 'completed';
}

const COUNTED = ['processing', 'succeeded', 'errored', 'canceled', 'expired'];

function countsOf(value: unknown): NativeBatchView['counts'] {
  if (!isRecord(value)) return null;
  const of = (name: string): number => countIn(value[name]) ?? 0;
  const total = COUNTED.reduce((sum, name) => sum + of(name), 0);
  return total === 0 ? null : { total, completed: of('succeeded'), failed: of('errored') };
}
