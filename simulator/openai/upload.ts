/** A file that arrives in parts. */
export interface Upload {
  readonly id: string;
  /** As promised; the parts must have as many together. */
  readonly bytes: number;
  readonly filename: string;
  readonly purpose: string;
  readonly createdAtMs: number;
  readonly expiresAfterSeconds: number | undefined;
  readonly isAzure: boolean;
  readonly parts: Map<string, Buffer>;
  status: 'pending' | 'completed' | 'cancelled';
}
