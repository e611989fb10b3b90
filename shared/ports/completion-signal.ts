/** Tells a waiting caller that a request has ended, sooner than asking the ledger again and again. */
export interface CompletionSignal {
  /**
   * Resolves once the request has ended after the call, `timeoutMs` have passed, or the signal
   * aborts; never rejects. May resolve early, so the caller looks at the ledger. To miss nothing,
   * begin to wait first and look at the ledger then.
   */
  wait(tenant: string, id: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
}
