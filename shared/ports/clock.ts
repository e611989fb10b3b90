/** Time, as the only way the engine may see or spend it. */
export interface Clock {
  /** Whole ms since the epoch. May step; consumers must not assume it never goes back. */
  nowMs(): number;
  /** Resolves after at least `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
