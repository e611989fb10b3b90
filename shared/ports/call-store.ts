/** Calls that carry many requests under one idempotency key, so that the key means one call. */
export interface CallStore {
  /**
   * Remembers what a call asks for, once: `false` when another fingerprint stands under its id.
   * Atomic; durable on return.
   */
  claim(tenant: string, callId: string, fingerprint: string): Promise<boolean>;
}
