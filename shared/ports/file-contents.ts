/** Content of files, in blobs named by us. What belongs to one tenant is out of reach of all others. */
export interface FileContents {
  /** Writes a blob, whole, over an older one. Durable on return. */
  put(tenant: string, blob: string, bytes: Uint8Array): Promise<void>;
  /** Bytes from `start` up to `end`, or as many of them as there are; `null` when there is no blob. */
  read(tenant: string, blob: string, start: number, end: number): Promise<Uint8Array | null>;
  /** Lets go of the content; blobs that are not there are no fault. */
  discard(tenant: string, blobs: readonly string[]): Promise<void>;
}

/** Where a caller fetches content that is too large for one answer. */
export interface ContentAddresses {
  /** An address for a quarter of an hour; `null` when there is no such blob. */
  addressOf(tenant: string, blob: string, filename: string): Promise<string | null>;
  /** Writes a stream as one blob. */
  store(tenant: string, blob: string, content: AsyncIterable<Uint8Array>): Promise<void>;
}
