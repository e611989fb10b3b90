/** What a caller makes through /v1/batches or /v1/messages/batches, and the states it passes through. */

import type { Lane } from '../lanes/lane.ts';
import type { FilePart } from './stored-file.ts';

/** Whose API it was made through. */
export type BatchKind = 'openai' | 'anthropic';

export type BatchStatus =
  | 'validating'
  | 'failed'
  | 'in_progress'
  | 'finalizing'
  | 'completed'
  | 'expired'
  | 'cancelling'
  | 'cancelled';

/** The life cycle, as one table. What has no way out has ended. */
const TRANSITIONS: Readonly<Record<BatchStatus, readonly BatchStatus[]>> = {
  validating: ['in_progress', 'failed', 'cancelling'],
  in_progress: ['finalizing', 'cancelling', 'failed'],
  finalizing: ['completed', 'expired', 'cancelling'],
  // A batch whose input is lost half-way ends what it had begun, and fails.
  cancelling: ['cancelled', 'failed'],
  failed: [],
  completed: [],
  expired: [],
  cancelled: [],
};

export function hasEnded(status: BatchStatus): boolean {
  return TRANSITIONS[status].length === 0;
}

/** Whether something is left to do with it: it has not ended, or its end was not told. */
export function isOpen({ status, isTold }: Pick<BatchRecord, 'status' | 'isTold'>): boolean {
  return !(hasEnded(status) && isTold);
}

export function mayBecome(from: BatchStatus, to: BatchStatus): boolean {
  return TRANSITIONS[from].includes(to);
}

/** Something wrong with the input, by which the batch failed. */
export interface BatchFault {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** From 1; `null` when it is about the whole. */
  readonly line: number | null;
}

/** Something the caller should know and that stops nothing. */
export interface BatchWarning {
  readonly code: string;
  readonly message: string;
}

/** What a caller may ask for beyond what the vendors' APIs have. */
export interface BatchOptions {
  /** Refuse what would otherwise be accepted with a warning. */
  readonly isStrict: boolean;
  /** Lines may name other endpoints than the batch does. */
  readonly mixesEndpoints: boolean;
  /** A bad line fails alone, instead of the whole batch. */
  readonly skipsBadLines: boolean;
  readonly lane: Lane | null;
  readonly priority: number;
  readonly tags: readonly string[];
}

/** How far the input has been read, so that another process can go on. */
export interface BatchProgress {
  /** First all lines are checked, then all are accepted. */
  readonly phase: 'checking' | 'accepting' | 'done';
  /** The next line of that phase. */
  readonly number: number;
  readonly offset: number;
  /** Found so far, in the phase of checking. */
  readonly lines: number;
  /** Of those before `number`, how many became requests, in the phase of accepting. */
  readonly accepted: number;
  /** What they ask of each model, roughly. */
  readonly load: Readonly<Record<string, { readonly requests: number; readonly tokens: number }>>;
  /** The custom_ids seen, where checking was interrupted. */
  readonly digests: FilePart | null;
}

/** What became of a batch, once. */
export interface BatchOutcome {
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  readonly costMicroUsd: number;
  readonly outputBytes: number;
  readonly errorBytes: number;
}

/** Sums over the rows up to one of them, so that another process can go on behind it. */
export interface BatchTally {
  readonly sums: BatchOutcome;
  /** Id of the last request that is in them. */
  readonly after: string;
}

/** Instants of the life cycle. Unit: ms since the epoch. */
export interface BatchInstants {
  readonly inProgress: number | null;
  readonly finalizing: number | null;
  readonly completed: number | null;
  readonly failed: number | null;
  readonly expired: number | null;
  readonly cancelling: number | null;
  readonly cancelled: number | null;
}

export interface BatchRecord {
  /** Sorts by the time it was made. Its requests name it in the ledger. */
  readonly id: string;
  readonly tenant: string;
  readonly kind: BatchKind;
  readonly inputFileId: string | null;
  readonly input: readonly FilePart[];
  readonly endpoint: string;
  /** As it was written. */
  readonly completionWindow: string;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly options: BatchOptions;
  /** The caller's budget when the batch was made. */
  readonly monthlyBudgetMicroUsd: number | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** How long output is kept from the time the batch ends. Unit: ms. */
  readonly outputLifeMs: number;
  readonly status: BatchStatus;
  readonly at: BatchInstants;
  readonly errors: readonly BatchFault[];
  readonly warnings: readonly BatchWarning[];
  readonly progress: BatchProgress;
  /** Lines; 0 until all have been checked. */
  readonly total: number;
  /** Lines that never became requests, and how each is answered: rows of the error file. */
  readonly refused: {
    readonly count: number;
    /** Those of them that the batch was cancelled before. */
    readonly cancelled: number;
    readonly parts: readonly FilePart[];
    /** Blobs that name the parts before those. */
    readonly index: readonly FilePart[];
  };
  readonly outputFileId: string;
  readonly hasOutput: boolean;
  readonly errorFileId: string;
  readonly hasErrors: boolean;
  /** Where summing up was interrupted. */
  readonly tally: BatchTally | null;
  readonly outcome: BatchOutcome | null;
  /** Its end is on its way to whoever asked to be told. */
  readonly isTold: boolean;
  /** Who reads the input, until when. A lease that ran out is nobody's. */
  readonly lease: { readonly owner: string; readonly untilMs: number } | null;
  /** Grows with each change. */
  readonly version: number;
}

export const NO_INSTANTS: BatchInstants = {
  inProgress: null,
  finalizing: null,
  completed: null,
  failed: null,
  expired: null,
  cancelling: null,
  cancelled: null,
};

export const NO_OPTIONS: Omit<BatchOptions, 'priority'> = {
  isStrict: false,
  mixesEndpoints: false,
  skipsBadLines: false,
  lane: null,
  tags: [],
};
