/** OpenAI's files and batches, Azure's, and those of vendors that speak the same. */

import type { NativeBatchEnd, NativeBatchView } from '../../../domain/native/native-batch.ts';
import type { Endpoint } from '../../../domain/requests/request.ts';
import { isDatedVersion } from '../azure-openai.ts';
import { isRecord } from '../json.ts';
import { OPENAI_ROUTES } from '../openai.ts';
import type { AzureOpenAiSettings } from '../settings.ts';
import {
  type ListPage,
  type NativeDialect,
  PAGE_SIZE,
  type Query,
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

/**
 * Inputs are read within minutes; this is the least that Azure takes, and without an end its 500
 * files are soon used up. Source: Azure OpenAI batch how-to, read 2026-11. Unit: s.
 */
const INPUT_LIFE_SECONDS = 14 * 86_400;
/** The longest there is: results must outlast a long outage of ours, but not stay for ever. Unit: s. */
const OUTPUT_LIFE_SECONDS = 30 * 86_400;

const PURPOSE = ['purpose', 'batch'] as const;
const EXPIRING = [
  PURPOSE,
  ['expires_after[anchor]', 'created_at'],
  ['expires_after[seconds]', String(INPUT_LIFE_SECONDS)],
] as const;
const OUTPUT_EXPIRY = {
  output_expires_after: { anchor: 'created_at', seconds: OUTPUT_LIFE_SECONDS },
};

/**
 * Decimal megabytes where the documents say "200 MB", since some providers count so; OpenAI's own
 * limit is a little higher. Azure's documents say 50,000 and 100,000 rows; the lower one is safe.
 */
const LIMITS = {
  mostRows: 50_000,
  mostBytes: 200_000_000,
  rowOverheadBytes: ROW_OVERHEAD_BYTES,
  rowIdPattern: SAFE_ROW_ID,
};

/** OpenAI itself. */
export function openAiBatches(): NativeDialect {
  return openAiShaped({ urlOf: (endpoint) => endpoint, isExpiring: true, hasOutputExpiry: true });
}

/** Groq and others: what OpenAI added later is left out, for they may refuse it. */
export function compatibleBatches(): NativeDialect {
  return openAiShaped({ urlOf: (endpoint) => endpoint, isExpiring: false, hasOutputExpiry: false });
}

/** Azure: the deployment stands for the model, and older versions write routes without `/v1`. */
export function azureBatches({ apiVersion }: AzureOpenAiSettings): NativeDialect {
  const isDated = isDatedVersion(apiVersion);
  return openAiShaped({
    urlOf: (endpoint) => (isDated ? (OPENAI_ROUTES[endpoint] ?? endpoint) : endpoint),
    isExpiring: true,
    hasOutputExpiry: !isDated,
  });
}

interface Variant {
  readonly urlOf: (endpoint: Endpoint) => string;
  readonly isExpiring: boolean;
  readonly hasOutputExpiry: boolean;
}

function openAiShaped({ urlOf, isExpiring, hasOutputExpiry }: Variant): NativeDialect {
  return {
    limits: LIMITS,
    serves: (endpoint) => OPENAI_ROUTES[endpoint] !== undefined,
    fileFields: isExpiring ? EXPIRING : [PURPOSE],
    rowOf: ({ endpoint, model }, { rowId, body }) => ({
      custom_id: rowId,
      method: 'POST',
      url: urlOf(endpoint),
      body: { ...body, model },
    }),
    createBody: ({ endpoint, jobId }, inputFileId) => ({
      input_file_id: inputFileId,
      endpoint: urlOf(endpoint),
      completion_window: '24h',
      metadata: { [JOB_MARK]: jobId },
      ...(hasOutputExpiry ? OUTPUT_EXPIRY : {}),
    }),
    batchesPath: '/batches',
    outputPath: (output) => `/files/${encodeURIComponent(output)}/content`,
    deletePath: (id) => `/files/${encodeURIComponent(id)}`,
    firstPage: () => ({ limit: String(PAGE_SIZE) }),
    nextPage,
    readBatch,
    readRow: readOpenAiRow,
  };
}

function nextPage({ body, entries }: ListPage): Query | null {
  const isLast =
    typeof body['has_more'] === 'boolean' ? !body['has_more'] : entries.length < PAGE_SIZE;
  const last = entries.at(-1);
  const cursor = idIn(body['last_id']) ?? (isRecord(last) ? idIn(last['id']) : null);
  if (isLast || cursor === null) return null;
  return { limit: String(PAGE_SIZE), after: cursor };
}

const ENDS: Readonly<Record<string, NativeBatchEnd>> = {
  completed: 'completed',
  failed: 'failed',
  expired: 'expired',
  cancelled: 'cancelled',
  canceled: 'cancelled',
};

function readBatch(body: unknown, heardAtMs: number): NativeBatchView | null {
  const id = isRecord(body) ? idIn(body['id']) : null;
  if (!isRecord(body) || id === null || !('status' in body)) return null;
  const status = plainStatus(body['status']);
  const end = ENDS[status] ?? null;
  return {
    id,
    end,
    rawStatus: rawStatusIn(body['status']),
    isCancelling: status === 'cancelling' || status === 'canceling',
    counts: countsIn(body['request_counts'], {
      total: 'total',
      completed: 'completed',
      failed: 'failed',
    }),
    createdAtMs: instantIn(body['created_at']) ?? heardAtMs,
    expiresAtMs: instantIn(body['expires_at']),
    outputs: end === null ? [] : idsAmong(body['output_file_id'], body['error_file_id']),
    faults: faultsIn(body['errors']),
    jobId: jobIn(body['metadata']),
    inputFileId: idIn(body['input_file_id']),
    retryAfterMs: null,
  };
}
