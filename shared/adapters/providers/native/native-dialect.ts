/** How one family of providers wants its batches asked for, and what it says of them. */

import type {
  NativeBatchLimits,
  NativeBatchView,
  NativeRow,
} from '../../../domain/native/native-batch.ts';
import type { Endpoint } from '../../../domain/requests/request.ts';
import type {
  NativeBatchInput,
  NativeBatchRow,
  NativeRowsQuery,
} from '../../../ports/native-batch-provider.ts';
import type { JsonRecord } from '../json.ts';

export type Query = Readonly<Record<string, string>>;

export interface NativeDialect {
  readonly limits: NativeBatchLimits;
  readonly serves: (endpoint: Endpoint) => boolean;
  /** Fields that go with the file of rows; `null` where rows travel with the create. */
  readonly fileFields: readonly (readonly [name: string, value: string])[] | null;
  /** One row as it is sent. */
  readonly rowOf: (input: NativeBatchInput, row: NativeBatchRow) => JsonRecord;
  /** The create's body, for rows in a file. */
  readonly createBody: (input: NativeBatchInput, inputFileId: string) => JsonRecord;
  /** Path of all batches; one of them lies below it, and `/cancel` below that. */
  readonly batchesPath: string;
  /** Path of an output's rows. */
  readonly outputPath: (output: string) => string;
  /** Path to delete an input or output at. */
  readonly deletePath: (id: string) => string;
  /** The query for the first page of batches. */
  readonly firstPage: (sinceMs: number) => Query;
  /** The query for the page after this one; `null` when it was the last. */
  readonly nextPage: (page: ListPage) => Query | null;
  /** `null` when it is no batch. */
  readonly readBatch: (body: unknown, heardAtMs: number) => NativeBatchView | null;
  readonly readRow: (line: RowLine, query: NativeRowsQuery) => NativeRow;
}

export interface ListPage {
  readonly body: JsonRecord;
  /** From 0. */
  readonly index: number;
  /** What it was asked for with. */
  readonly query: Query;
  readonly entries: readonly unknown[];
}

/** One line of results. */
export interface RowLine {
  readonly row: JsonRecord;
  /** The line it was parsed from. */
  readonly json: string;
}

/** Batches asked for at once. */
export const PAGE_SIZE = 100;

/** Ids that every provider takes for a row; Anthropic takes no other. */
export const SAFE_ROW_ID = /^[a-zA-Z0-9_-]{1,64}$/;

/** Names, routes, ids and a model's name around a body, with room to spare. Unit: bytes. */
export const ROW_OVERHEAD_BYTES = 512;
