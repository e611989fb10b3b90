import type { BatchKind, BatchRecord } from '../domain/batches/batch.ts';

export interface BatchFilter {
  readonly tenant: string;
  readonly kind: BatchKind;
  /** Cursor: older than this id. */
  readonly after?: string;
  /** Cursor: newer than this id, those nearest to it first in consideration. */
  readonly before?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface BatchRef {
  readonly tenant: string;
  readonly id: string;
}

/** Batches as callers made them. A foreign id is unknown. */
export interface BatchStore {
  /** `false` when the id is taken. Durable on return. */
  create(record: BatchRecord): Promise<boolean>;
  get(tenant: string, id: string): Promise<BatchRecord | null>;
  /**
   * Writes the record, whose version is one more than that of the record it replaces. `false` when
   * another version stands, or none. Durable on return.
   */
  update(record: BatchRecord): Promise<boolean>;
  /** One page, newest first. `hasMore`: beyond the page in the direction it was read. */
  list(filter: BatchFilter): Promise<{ items: BatchRecord[]; hasMore: boolean }>;
  /** All that have not ended, or whose end was not told, of all tenants, oldest first. */
  open(): Promise<BatchRef[]>;
  delete(tenant: string, id: string): Promise<void>;
}
