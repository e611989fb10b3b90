/** Says that a slice of accepted requests waits for a worker. */
export interface SliceNotice {
  readonly tenant: string;
  readonly slice: string;
  readonly model: string;
  readonly priority: number;
}

/**
 * Wakes workers. A notice is a doorbell and never the work itself: the ledger holds that, and a
 * sweeper rings again for whatever does not move. So a lost or doubled notice is harmless.
 */
export interface RequestQueue {
  /** Resolves to the notices that could not be sent. Never rejects for a part that failed. */
  announce(notices: readonly SliceNotice[]): Promise<readonly SliceNotice[]>;
}
