import type { ErrorCode } from '../domain/errors.ts';
import type {
  NativeBatchFault,
  NativeBatchLimits,
  NativeBatchView,
  NativeRow,
} from '../domain/native/native-batch.ts';
import type { Endpoint } from '../domain/requests/request.ts';

/** A row to be run: `rowId` is ours and safe for every provider, never a caller's own name. */
export interface NativeBatchRow {
  readonly rowId: string;
  /** The request body as its caller wrote it. Not to be mutated. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a batch is made from. Rows can be read again from the start, for a second attempt. */
export interface NativeBatchInput {
  /** Names the job; left as a mark wherever the provider keeps one, so that it can be adopted. */
  readonly jobId: string;
  readonly endpoint: Endpoint;
  /** Model name as the provider knows it. */
  readonly model: string;
  /** What `rows` gives; anything else fails the call, and nothing is made of it. */
  readonly rowCount: number;
  rows(): AsyncIterable<NativeBatchRow>;
}

/** Which results are to be read, and for what they were asked. */
export interface NativeRowsQuery {
  /** One of a view's outputs. */
  readonly output: string;
  readonly endpoint: Endpoint;
  /** Model name as the provider knows it. */
  readonly model: string;
  /** Rows to skip: those read before. 0 reads from the start. */
  readonly fromRow: number;
}

/** A call that did not succeed. */
export interface NativeBatchFailure {
  readonly kind: 'failed';
  /**
   * Decides what happens next: see `ERROR_DISPOSITIONS`. `not_found`: the provider knows no such
   * batch or file; of a batch just made see `isYetToAppear`. `capacity_exhausted`: the provider
   * has no room for more files, or has not yet looked at ours.
   */
  readonly code: ErrorCode;
  readonly message: string;
  /** True when the provider may have done what was asked although we got no answer. */
  readonly isAmbiguous: boolean;
  readonly retryAfterMs: number | null;
  /** Lines of the input that a create was refused for, where the provider names them. */
  readonly faults: readonly NativeBatchFault[];
}

export type NativeBatchResult<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  | NativeBatchFailure;

/**
 * A provider's batch API. No call throws for what a provider does, retries, or sleeps; every
 * answer is bounded in time, and in size except for rows, which are streamed.
 */
export interface NativeBatchProvider {
  /** Name in the configuration. */
  readonly name: string;
  readonly limits: NativeBatchLimits;
  /** Puts the rows where the batch will read them: the file's id, or `null` where they travel with it. */
  upload(input: NativeBatchInput, signal: AbortSignal): Promise<NativeBatchResult<string | null>>;
  /** Creates the batch. No provider makes this idempotent: list before creating again. */
  create(
    input: NativeBatchInput,
    inputFileId: string | null,
    signal: AbortSignal,
  ): Promise<NativeBatchResult<NativeBatchView>>;
  /**
   * Batches created at or after the instant, newest first, a page at a time. A failure ends it:
   * what came before is then not all there is.
   */
  list(
    sinceMs: number,
    signal: AbortSignal,
  ): AsyncIterable<NativeBatchResult<readonly NativeBatchView[]>>;
  get(id: string, signal: AbortSignal): Promise<NativeBatchResult<NativeBatchView>>;
  /** Asks for an end; what was done until then is kept. Ending already is no failure. */
  cancel(id: string, signal: AbortSignal): Promise<NativeBatchResult<NativeBatchView>>;
  /**
   * The rows of one of the outputs, as they come: shuffled, repeated and foreign ones too. A file
   * that is cut short ends with a failure after its last whole row.
   */
  rows(query: NativeRowsQuery, signal: AbortSignal): AsyncIterable<NativeRow | NativeBatchFailure>;
  /**
   * Deletes a batch's files (input and outputs) once it has ended; files that are gone are no
   * failure. Every one of them is tried before the first failure is told.
   */
  deleteFiles(ids: readonly string[], signal: AbortSignal): Promise<NativeBatchResult<null>>;
  /** Closes sockets. */
  close(): Promise<void>;
}
