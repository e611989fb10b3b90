/** A place to put a body too large for one call. */
export interface UploadTarget {
  readonly id: string;
  readonly url: string;
  /** To be sent with the PUT, as they are. */
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAtMs: number;
}

/** Bodies that callers put into the store themselves, past the gateway's limits. */
export interface UploadStore {
  /** A signed place for exactly `bytes` bytes. */
  createTarget(tenant: string, id: string, bytes: number): Promise<UploadTarget>;
  /** What was put there; `null` when nothing was, or it was put under another tenant. */
  read(tenant: string, id: string): Promise<Uint8Array | null>;
}
