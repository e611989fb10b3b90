/** What each line of a batch's results means for the request it answers. Pure. */

import type { ResultLineContent } from '../../contracts/result-line.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import { DEFAULT_RETRY_POLICY } from '../../domain/capacity/retry-policy.ts';
import { costMicroUsd } from '../../domain/cost/pricing.ts';
import { NO_USAGE } from '../../domain/cost/usage.ts';
import { ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import { type NativeRow, readNativeRowId } from '../../domain/native/native-batch.ts';
import type { NativeJob, NativeTally } from '../../domain/native/native-job.ts';
import type { Deferral } from '../../ports/request-store.ts';
import type { ManifestRow, ManifestRows } from './manifest.ts';

/** What a group of lines comes to. */
export interface Reconciled {
  readonly publish: ResultLineContent[];
  readonly handBack: Deferral[];
  /** Rows for which the batch had no time: what becomes of them is planned anew. */
  readonly left: ManifestRow[];
  readonly tally: NativeTally;
}

/** What the lines are held against. */
export interface RowLedger {
  readonly job: NativeJob;
  readonly settings: Pick<ModelSettings, 'provider' | 'price'>;
  readonly rows: ManifestRows;
  /** 1 where a row was met; written to. */
  readonly met: Uint8Array;
  readonly nowMs: number;
}

/** Marks the row of a line that was dealt with before. */
export function markMet({ job, met }: Pick<RowLedger, 'job' | 'met'>, line: NativeRow): void {
  const row = rowOf(job, met.length, line);
  if (row !== null) met[row] = 1;
}

/** Takes lines in order: the first of a row counts, later ones and those of others are dropped. */
export function reconcileRows(
  ledger: RowLedger,
  lines: readonly NativeRow[],
  before: NativeTally,
): Reconciled {
  const tally = { ...before };
  const publish: ResultLineContent[] = [];
  const handBack: Deferral[] = [];
  const left: ManifestRow[] = [];
  for (const line of lines) {
    if (line.kind === 'unreadable') {
      tally.unreadable += 1;
      continue;
    }
    const index = rowOf(ledger.job, ledger.met.length, line);
    const row = index === null ? undefined : ledger.rows.at(index);
    if (index === null || row === undefined) {
      tally.foreign += 1;
      continue;
    }
    if (ledger.met[index] === 1) {
      tally.doubled += 1;
      continue;
    }
    ledger.met[index] = 1;
    switch (line.kind) {
      case 'answered':
        tally.succeeded += 1;
        tally.cachedInputTokens += line.usage.cachedInputTokens;
        tally.cacheWriteTokens += line.usage.cacheWriteTokens;
        tally.cacheWrite1hTokens += line.usage.cacheWrite1hTokens;
        publish.push(contentOf(ledger, row, line));
        break;
      case 'unfinished':
        tally.unfinished += 1;
        if (line.reason === 'lost') handBack.push(deferralOf(row, ledger.nowMs, 0));
        else left.push(row);
        break;
      case 'failed': {
        const again = triesAgain(row, line.code);
        tally[again === null ? 'failed' : 'retried'] += 1;
        if (again === null) publish.push(contentOf(ledger, row, line));
        else handBack.push(deferralOf(row, ledger.nowMs, again));
      }
    }
  }
  return { publish, handBack, left, tally };
}

/** A row that ends for a fault of the whole batch, named for it. */
export function faultContent(
  ledger: RowLedger,
  row: ManifestRow,
  fault: { readonly code: string; readonly message: string },
): ResultLineContent {
  const message = fault.code === '' ? fault.message : `${fault.code}: ${fault.message}`;
  const line = { kind: 'failed', code: 'provider_rejected', message } as const;
  return contentOf(ledger, row, { ...line, statusCode: 400, requestId: '', bodyJson: null });
}

/** A row that waits anew, for a call unless the queue is named. */
export function deferralOf(
  { tenant, id, fence, attempts, firstAttemptAtMs }: ManifestRow,
  notBeforeMs: number,
  addedAttempts: number,
  route: Deferral['route'] = 'sync',
): Deferral {
  const count = attempts + addedAttempts;
  return { tenant, id, fence, attempts: count, firstAttemptAtMs, notBeforeMs, route };
}

/** Attempts to count when the row is tried again; `null` when it is not. */
function triesAgain({ attempts }: ManifestRow, code: keyof typeof ERROR_DISPOSITIONS) {
  switch (ERROR_DISPOSITIONS[code]) {
    case 'retry':
      return attempts + 1 < DEFAULT_RETRY_POLICY.maxAttempts ? 1 : null;
    case 'defer':
    case 'stop_provider':
      return 0;
    case 'give_up':
    case 'drop':
      return null;
  }
}

function rowOf(job: NativeJob, count: number, line: NativeRow): number | null {
  if (line.kind === 'unreadable') return null;
  const named = readNativeRowId(line.rowId);
  return named !== null && named.jobNonce === job.id && named.row < count ? named.row : null;
}

type Judged =
  | Extract<NativeRow, { kind: 'answered' }>
  | Omit<Extract<NativeRow, { kind: 'failed' }>, 'rowId'>;

function contentOf(
  { job, settings, nowMs }: RowLedger,
  row: ManifestRow,
  line: Judged,
): ResultLineContent {
  const isAnswered = line.kind === 'answered';
  const usage = isAnswered ? line.usage : NO_USAGE;
  return {
    customId: row.customId,
    requestId: line.requestId,
    bodyJson: line.bodyJson,
    error: isAnswered ? null : { code: line.code, message: line.message },
    outcome: {
      id: row.id,
      tenant: row.tenant,
      status: isAnswered ? 'succeeded' : 'failed',
      statusCode: line.statusCode,
      errorCode: isAnswered ? null : line.code,
      lane: 'native',
      provider: settings.provider,
      usage,
      costMicroUsd: settings.price === null ? 0 : costMicroUsd(settings.price, usage, 'native'),
      attempts: row.attempts + 1,
      firstAttemptAtMs: row.firstAttemptAtMs ?? job.submittedAtMs,
      finishedAtMs: nowMs,
    },
  };
}
