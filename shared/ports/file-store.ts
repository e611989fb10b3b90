import type {
  FilePurpose,
  FileRecord,
  UploadPart,
  UploadRecord,
  UploadStatus,
} from '../domain/batches/stored-file.ts';

export interface FileFilter {
  readonly tenant: string;
  readonly purpose?: FilePurpose;
  /** Only what has not expired by then. Unit: ms since the epoch. */
  readonly nowMs: number;
  /** Cursor: the id after which to go on, whether or not it is still there. */
  readonly after?: string;
  readonly order: 'asc' | 'desc';
  /** 1 to 10,000. */
  readonly limit: number;
}

/** What is known of files; never their content. Every call names the tenant; a foreign id is unknown. */
export interface FileStore {
  /** Writes a file's record, over an older one of that id. Durable on return. */
  putFile(record: FileRecord): Promise<void>;
  /** Expired or not. */
  getFile(tenant: string, id: string): Promise<FileRecord | null>;
  /** One page, in order of ids, which is order of creation. */
  listFiles(filter: FileFilter): Promise<{ items: FileRecord[]; hasMore: boolean }>;
  /** The record that was there; `null` when none was. */
  deleteFile(tenant: string, id: string): Promise<FileRecord | null>;
  /** Some that have expired, of all tenants. A store that lets go of them by itself has none. */
  expiredFiles(nowMs: number, limit: number): Promise<FileRecord[]>;
  /** Some that are pending past their time, of all tenants. A store that lets go of them by itself has none. */
  expiredUploads(nowMs: number, limit: number): Promise<UploadRecord[]>;
  createUpload(record: UploadRecord): Promise<void>;
  getUpload(tenant: string, id: string): Promise<UploadRecord | null>;
  /** Ends an upload; `false` when it is not pending any more, or not there. */
  endUpload(
    tenant: string,
    id: string,
    end: {
      readonly status: Exclude<UploadStatus, 'pending'>;
      readonly fileId: string | null;
    },
  ): Promise<boolean>;
  addPart(tenant: string, uploadId: string, part: UploadPart): Promise<void>;
  /** In no particular order. */
  parts(tenant: string, uploadId: string): Promise<UploadPart[]>;
}
