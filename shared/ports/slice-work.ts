import type { LeasedRequest } from '../domain/requests/request.ts';
import type { SliceNotice } from './request-queue.ts';
import type { LeaseQuery } from './request-store.ts';

/** The ledger of a home where work arrives by notice. */
export interface SliceWork {
  /**
   * Leases what is due of the noticed slices, whole slices, under the terms of `WorkStore.lease`.
   * A slice that has ended, or that another owner holds, grants nothing; that is no fault.
   */
  take(
    notices: readonly SliceNotice[],
    terms: Omit<LeaseQuery, 'model' | 'limit'>,
  ): Promise<LeasedRequest[]>;
  /**
   * Slices with something due that nobody has taken for `idleMs`: their notice was lost, or their
   * worker died. In no particular order.
   */
  idle(nowMs: number, idleMs: number): AsyncIterable<SliceNotice>;
  /**
   * Completes what a process died in the middle of: slices half accepted, and slices whose
   * requests have all ended but that are not booked. Returns how many it completed.
   */
  repair(nowMs: number): Promise<number>;
}
