/** Files as callers put them here, or find what a batch made. */

/** What a file may be for. Batches are made from `batch`; nothing here reads the others. */
export const UPLOAD_PURPOSES = [
  'batch',
  'assistants',
  'fine-tune',
  'vision',
  'user_data',
  'evals',
] as const;
export type UploadPurpose = (typeof UPLOAD_PURPOSES)[number];
export type FilePurpose = UploadPurpose | 'batch_output';

/** A run of content under a name of its own; a file is some of them, one after another. */
export interface FilePart {
  readonly blob: string;
  readonly bytes: number;
}

/** Where the content of a file comes from. */
export type FileSource =
  | { readonly kind: 'stored'; readonly parts: readonly FilePart[] }
  /** Nothing is stored: it is read from the results of the batch whenever somebody asks. */
  | { readonly kind: 'batch'; readonly batchId: string; readonly content: 'output' | 'errors' };

export interface FileRecord {
  /** Sorts by the time it was made. */
  readonly id: string;
  readonly tenant: string;
  readonly filename: string;
  readonly purpose: FilePurpose;
  readonly bytes: number;
  readonly createdAtMs: number;
  /** From then on it is not there. `null`: kept until it is deleted. */
  readonly expiresAtMs: number | null;
  readonly source: FileSource;
}

export type UploadStatus = 'pending' | 'completed' | 'cancelled' | 'expired';

/** A file that comes in parts. */
export interface UploadRecord {
  readonly id: string;
  readonly tenant: string;
  readonly filename: string;
  readonly purpose: UploadPurpose;
  /** What all parts must come to. */
  readonly bytes: number;
  readonly createdAtMs: number;
  /** Until then parts are taken. */
  readonly expiresAtMs: number;
  /** How long the file is kept from its creation on; `null` for as long as files usually are. Unit: ms. */
  readonly fileLifeMs: number | null;
  readonly status: UploadStatus;
  /** Known once it is completed. */
  readonly fileId: string | null;
}

/** A part as it arrived; where it stands in the file is said when the upload is completed. */
export interface UploadPart extends FilePart {
  readonly id: string;
}

export function isExpired(
  { expiresAtMs }: Pick<FileRecord, 'expiresAtMs'>,
  nowMs: number,
): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}
