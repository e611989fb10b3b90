/** A job is our record of one native batch: what it holds, how far it is, and what comes next. */

import type { SharedOpening } from '../caching/shared-opening.ts';
import { AppError } from '../errors.ts';
import type { Endpoint, PayloadPointer } from '../requests/request.ts';
import type { NativeBatchEnd, NativeBatchFault } from './native-batch.ts';

/**
 * The phases of a job, in order, and which may follow. A process may die between any two writes;
 * whoever takes the job up begins with what its phase says:
 *
 * | phase       | what stands                                  | what is done next                       |
 * | ----------- | -------------------------------------------- | --------------------------------------- |
 * | `intent`    | the manifest; rows under a short lease       | make the leases long, drop what is lost |
 * | `ready`     | every row held until long after the end      | upload                                  |
 * | `uploaded`  | the provider has the rows, or takes them with the batch | say that a create is tried   |
 * | `trying`    | a create may have been sent                  | look for its batch before another       |
 * | `submitted` | the provider's name for the batch            | ask how it stands                       |
 * | `ended`     | how it ended, and where its results are      | read them, checkpoint by checkpoint     |
 * | `settled`   | every row has an outcome or was handed back  | delete the provider's files             |
 * | `done`      | nothing                                      | nothing                                 |
 */
const NEXT = {
  intent: ['ready', 'ended', 'settled'],
  ready: ['uploaded', 'ended'],
  uploaded: ['trying', 'ready', 'ended'],
  trying: ['submitted', 'uploaded', 'ready', 'ended'],
  submitted: ['ended'],
  ended: ['settled'],
  settled: ['done'],
  done: [],
} as const satisfies Record<string, readonly string[]>;

export type NativeJobPhase = keyof typeof NEXT;

/**
 * How a job ended. `refused`: no batch was made of it, or it was called off before one was.
 * `lost`: its batch is gone, or has not moved for so long that nothing is expected of it.
 */
export type NativeJobEnd = NativeBatchEnd | 'refused' | 'lost';

/** What the results said of the rows; each row counts once. */
export interface NativeTally {
  readonly succeeded: number;
  readonly failed: number;
  /** Failed in a way that may pass: handed back, to be run by a call. */
  readonly retried: number;
  /** Named as not run: expired, cancelled, lost by the provider. */
  readonly unfinished: number;
  /** Lines beyond the first of a row. */
  readonly doubled: number;
  /** Lines that name a row of somebody else. */
  readonly foreign: number;
  /** Lines that name no row. */
  readonly unreadable: number;
  /** Tokens that its answers read from the provider's cache, and wrote to it. */
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  readonly cacheWrite1hTokens: number;
}

export const EMPTY_TALLY: NativeTally = {
  succeeded: 0,
  failed: 0,
  retried: 0,
  unfinished: 0,
  doubled: 0,
  foreign: 0,
  unreadable: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
};

/** How far the results have been taken in. Everything before is published or handed back. */
export interface NativeCheckpoint {
  /** Index in `outputs`. */
  readonly output: number;
  /** Lines of it dealt with. */
  readonly row: number;
  /** How often reading broke off since it last got further. */
  readonly stalls: number;
  /** Outputs that could not be read to their end, and why. */
  readonly faults: readonly string[];
  readonly tally: NativeTally;
}

export interface NativeJob {
  /** Also the nonce in the ids of its rows. */
  readonly id: string;
  /** Grows with every write; a write names the version it has seen. */
  readonly version: number;
  readonly phase: NativeJobPhase;
  readonly provider: string;
  /** Name requests use. */
  readonly model: string;
  readonly endpoint: Endpoint;
  /** Owner under which its rows are leased. */
  readonly leaseOwner: string;
  /** Line of the payload store that says where the rows are written down. */
  readonly manifest: PayloadPointer;
  readonly rowCount: number;
  /** Sum over its rows. Unit: tokens. */
  readonly inputTokens: number;
  /** Of all answers at their longest. Unit: tokens. */
  readonly maxOutputTokens: number;
  /** Of the row that may answer longest. Unit: tokens. */
  readonly longestAnswerTokens: number;
  /** Of the most urgent row. Unit of all instants: ms since the epoch. */
  readonly deadlineAtMs: number | null;
  readonly createdAtMs: number;
  /** When somebody has to look at it again; while somebody does, when others may. */
  readonly dueAtMs: number;
  readonly isClaimed: boolean;
  /** How often its rows were halved to find the one that a provider refuses. */
  readonly halvings: number;
  /** `null` where nothing is to be kept. */
  readonly priming: NativePriming | null;
  readonly fileId: string | null;
  readonly tryingSinceMs: number | null;
  /** Batches that may be ours and can only be told by their rows, once they have ended. */
  readonly suspects: readonly string[];
  /** Batches that were found not to be ours. */
  readonly strangers: readonly string[];
  readonly batchId: string | null;
  readonly submittedAtMs: number | null;
  readonly expiresAtMs: number | null;
  /** What was last seen of the batch. */
  readonly seen: NativeJobSight | null;
  readonly cancelWantedAtMs: number | null;
  /** Rows run by calls while the batch went on: its answers to them, if any, are paid in vain. */
  readonly released: number;
  /** Rows before it have ended otherwise: nobody waits for their answers. */
  readonly firstWantedRow: number;
  readonly end: NativeJobEnd | null;
  readonly endedAtMs: number | null;
  readonly outputs: readonly string[];
  readonly faults: readonly NativeBatchFault[];
  readonly checkpoint: NativeCheckpoint;
  /** What the cache saved it, where it was primed; negative where that did not pay. Unit: micro-dollars. */
  readonly savedMicroUsd: number;
  /** Line of the payload store that says what became of every row. */
  readonly report: PayloadPointer | null;
  /** Why it waits, for people. */
  readonly note: string | null;
}

/** Openings that rows of a job share and that the provider is to keep for an hour. */
export interface NativePriming {
  readonly openings: readonly SharedOpening[];
  /** The job that has one row of each run ahead; `null` for that job itself. */
  readonly stub: string | null;
  /** The rows are sent then, whether or not the stub has ended. Unit: ms since the epoch. */
  readonly untilMs: number;
}

export interface NativeJobSight {
  readonly rawStatus: string;
  readonly isCancelling: boolean;
  readonly completed: number;
  readonly failed: number;
  readonly total: number;
}

export type NewNativeJob = Pick<
  NativeJob,
  | 'id'
  | 'provider'
  | 'model'
  | 'endpoint'
  | 'leaseOwner'
  | 'manifest'
  | 'rowCount'
  | 'inputTokens'
  | 'maxOutputTokens'
  | 'longestAnswerTokens'
  | 'deadlineAtMs'
  | 'halvings'
  | 'priming'
>;

/** A job of which nothing but the rows is known. */
export function intendJob(job: NewNativeJob, nowMs: number): NativeJob {
  return {
    ...job,
    version: 0,
    phase: 'intent',
    createdAtMs: nowMs,
    dueAtMs: nowMs,
    isClaimed: false,
    fileId: null,
    tryingSinceMs: null,
    suspects: [],
    strangers: [],
    batchId: null,
    submittedAtMs: null,
    expiresAtMs: null,
    seen: null,
    cancelWantedAtMs: null,
    released: 0,
    firstWantedRow: 0,
    end: null,
    endedAtMs: null,
    outputs: [],
    faults: [],
    checkpoint: { output: 0, row: 0, stalls: 0, faults: [], tally: EMPTY_TALLY },
    savedMicroUsd: 0,
    report: null,
    note: null,
  };
}

/** What may be changed of a job. */
export type NativeJobChange = Partial<
  Omit<NativeJob, 'id' | 'version' | 'phase' | 'provider' | 'model' | 'createdAtMs'>
>;

/**
 * The job in another phase.
 * @throws {AppError} `internal` when that phase cannot follow.
 */
export function enterPhase(
  job: NativeJob,
  phase: NativeJobPhase,
  change: NativeJobChange = {},
): NativeJob {
  const allowed: readonly string[] = NEXT[job.phase];
  if (!allowed.includes(phase)) {
    throw new AppError('internal', `Job ${job.id} cannot go from ${job.phase} to ${phase}`);
  }
  return { ...job, ...change, phase };
}

/** Whether its rows are still bound to it. */
export function isOpenJob({ phase }: Pick<NativeJob, 'phase'>): boolean {
  return phase !== 'settled' && phase !== 'done';
}

/** Whether its rows count against what the provider lets wait. */
export function isQueuedAtProvider({ phase }: Pick<NativeJob, 'phase'>): boolean {
  return isOpenJob({ phase }) && phase !== 'ended';
}

/** What a job says of its rows. Unit: tokens. */
export function sizeOf(
  rows: readonly { readonly inputTokens: number; readonly maxOutputTokens: number }[],
): Pick<NativeJob, 'rowCount' | 'inputTokens' | 'maxOutputTokens' | 'longestAnswerTokens'> {
  let inputTokens = 0;
  let maxOutputTokens = 0;
  let longestAnswerTokens = 0;
  for (const row of rows) {
    inputTokens += row.inputTokens;
    maxOutputTokens += row.maxOutputTokens;
    longestAnswerTokens = Math.max(longestAnswerTokens, row.maxOutputTokens);
  }
  return { rowCount: rows.length, inputTokens, maxOutputTokens, longestAnswerTokens };
}

/** What decides in which job a row may go. */
export interface SplittableRow {
  /** Of the whole line, at most, in UTF-8. Unit: bytes. */
  readonly bytes: number;
  readonly inputTokens: number;
}

export interface SplitLimits {
  readonly mostRows: number;
  readonly mostBytes: number;
  /** What the provider still lets wait; `null` where that is not limited. */
  readonly roomTokens: number | null;
}

/**
 * Rows in jobs, in order, each within the limits; `waiting` has no room now, `oversize` never fits
 * by itself.
 */
export function splitRows<Row extends SplittableRow>(
  rows: readonly Row[],
  { mostRows, mostBytes, roomTokens }: SplitLimits,
): { readonly jobs: Row[][]; readonly waiting: Row[]; readonly oversize: Row[] } {
  const jobs: Row[][] = [];
  const waiting: Row[] = [];
  const oversize: Row[] = [];
  let room = roomTokens ?? Number.POSITIVE_INFINITY;
  let current: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (row.bytes > mostBytes) oversize.push(row);
    else if (row.inputTokens > room) waiting.push(row);
    else {
      if (current.length >= mostRows || bytes + row.bytes > mostBytes) current = [];
      if (current.length === 0) {
        jobs.push(current);
        bytes = 0;
      }
      current.push(row);
      bytes += row.bytes;
      room -= row.inputTokens;
    }
  }
  return { jobs, waiting, oversize };
}

const SOONEST_POLL_MS = 1_000;
const LATEST_POLL_MS = 300_000;
/** Looked at again after this share of its age. */
const AGE_SHARE = 10;

/**
 * How long a batch is left alone: a tenth of its age, sooner when nearly all of it is done, and
 * never sooner than its provider asks. Unit: ms.
 */
export function pollDelayMs(
  ageMs: number,
  sight: NativeJobSight | null,
  retryAfterMs: number | null,
): number {
  const byAge = Math.min(LATEST_POLL_MS, Math.max(SOONEST_POLL_MS, ageMs / AGE_SHARE));
  const isNearlyDone =
    sight !== null && sight.total > 0 && sight.completed + sight.failed >= 0.95 * sight.total;
  const wanted = isNearlyDone ? Math.max(SOONEST_POLL_MS, byAge / 4) : byAge;
  return Math.ceil(Math.max(wanted, Math.min(retryAfterMs ?? 0, LATEST_POLL_MS)));
}

/** A batch that has not ended so long after its window is cancelled; then given up. Unit: ms. */
const OVERDUE_MS = 12 * 3_600_000;
const USUAL_WINDOW_MS = 24 * 3_600_000;

/** Whether a batch is `stuck` and should be asked to end, or is to be given up as `lost`. */
export function watchOver(
  { submittedAtMs, expiresAtMs, createdAtMs }: NativeJob,
  nowMs: number,
): 'fine' | 'stuck' | 'lost' {
  const endsAtMs = Math.max((submittedAtMs ?? createdAtMs) + USUAL_WINDOW_MS, expiresAtMs ?? 0);
  if (nowMs < endsAtMs + OVERDUE_MS) return 'fine';
  return nowMs < endsAtMs + 2 * OVERDUE_MS ? 'stuck' : 'lost';
}

/** A job that has no batch yet, or whose results are not taken in, is held up after this. Unit: ms. */
const HELD_UP_MS = 2 * 3_600_000;
/** Nobody has looked for so long at a job that was due. Unit: ms. */
const UNSEEN_MS = 900_000;

/**
 * What a person should know of a job, in words; `null` while all is as it should be. Of a batch
 * that may be ours nothing is known before it has ended.
 */
export function concernOf(job: NativeJob, nowMs: number): string | null {
  const { phase, createdAtMs, endedAtMs, dueAtMs, suspects, note } = job;
  if (!isOpenJob(job)) return null;
  const hours = (ms: number): string => `${Math.floor(ms / 3_600_000)} h`;
  const why = note === null ? '' : `: ${note}`;
  if (phase === 'submitted') {
    const ageMs = nowMs - (job.submittedAtMs ?? createdAtMs);
    if (watchOver(job, nowMs) !== 'fine') return `has not ended in ${hours(ageMs)}${why}`;
  } else if (phase === 'ended') {
    const waitedMs = nowMs - (endedAtMs ?? createdAtMs);
    if (waitedMs >= HELD_UP_MS) return `ended ${hours(waitedMs)} ago and is not taken in${why}`;
  } else if (suspects.length === 0 && nowMs - createdAtMs >= HELD_UP_MS) {
    return `could not be handed over for ${hours(nowMs - createdAtMs)}${why}`;
  }
  return nowMs - dueAtMs >= UNSEEN_MS ? `was due ${hours(nowMs - dueAtMs)} ago` : null;
}
