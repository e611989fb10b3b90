/** Fields of providers' batches, read as they come: missing, null, empty, or of another type. */

import type { NativeBatchFault, NativeBatchView } from '../../../domain/native/native-batch.ts';
import { isRecord, type JsonRecord } from '../json.ts';

/** Ids are put into addresses and stores: nothing else is taken for one. */
const ID = /^[\w.:/-]{1,512}$/;
/** A hundred faults of a job have to fit an item of its store, however they are escaped. */
const LONGEST_MESSAGE = 500;
const MOST_FAULTS = 1_000;
const EARLIEST_EPOCH_MS = 1e12;

/** An id, or `null` where there is none: some providers write `""`. */
export function idIn(value: unknown): string | null {
  return typeof value === 'string' && ID.test(value) ? value : null;
}

/** An instant in epoch seconds or as text; `null` when it is none. Unit: ms since the epoch. */
export function instantIn(value: unknown): number | null {
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || value <= 0) return null;
    return Math.round(value < EARLIEST_EPOCH_MS ? value * 1_000 : value);
  }
  if (typeof value !== 'string') return null;
  if (/^\d{1,13}$/.test(value)) return instantIn(Number(value));
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? null : atMs;
}

/** `In Progress`, `InProgress` and `in_progress` are one status. */
export function plainStatus(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase().replace(/[^a-z]/g, '') : '';
}

/** The provider's own word, fit for a log. */
export function rawStatusIn(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 100) : 'none';
}

/** Counts under the provider's names; `null` unless it states how many there are. */
export function countsIn(
  value: unknown,
  names: { readonly total: string; readonly completed: string; readonly failed: string },
): NativeBatchView['counts'] {
  if (!isRecord(value)) return null;
  const total = countIn(value[names.total]);
  if (total === null) return null;
  const completed = countIn(value[names.completed]) ?? 0;
  return { total, completed, failed: countIn(value[names.failed]) ?? 0 };
}

export function countIn(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** Faults from OpenAI's `{data: [...]}`, or from a bare list. */
export function faultsIn(errors: unknown): NativeBatchFault[] {
  const list: unknown = isRecord(errors) ? errors['data'] : errors;
  if (!Array.isArray(list)) return [];
  return list.slice(0, MOST_FAULTS).filter(isRecord).map(faultOf);
}

function faultOf(error: JsonRecord): NativeBatchFault {
  const { code, message, line } = error;
  return {
    code: typeof code === 'string' ? code.toLowerCase().slice(0, 100) : '',
    message: typeof message === 'string' ? message.slice(0, LONGEST_MESSAGE) : '',
    line: typeof line === 'number' && Number.isSafeInteger(line) ? line : null,
  };
}

/** The ids among the values, each once. */
export function idsAmong(...values: readonly unknown[]): string[] {
  const ids = values.map(idIn).filter((id) => id !== null);
  return [...new Set(ids)];
}

/** Under this name a batch's metadata holds the job it was made for. */
export const JOB_MARK = 'penstock_job';

export function jobIn(metadata: unknown): string | null {
  const job = isRecord(metadata) ? metadata[JOB_MARK] : null;
  return typeof job === 'string' && job !== '' ? job : null;
}

/** Entries of a list, under the names that occur. */
export function entriesOf(body: JsonRecord): readonly unknown[] | null {
  const list: unknown = body['data'] ?? body['value'];
  return Array.isArray(list) ? list : null;
}
