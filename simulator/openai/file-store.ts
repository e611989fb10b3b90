import type { FileStats } from '../batches/batch-books.ts';

/** How long a file made for batches lives unless it says otherwise. Documented. Unit: s. */
const BATCH_FILE_SECONDS = 2_592_000;

/** A file as it is kept. */
export interface StoredFile {
  readonly id: string;
  readonly purpose: string;
  readonly filename: string;
  readonly content: Buffer;
  readonly createdAtMs: number;
  /** As the uploader asked; undefined: the rule of the purpose. Unit: s. */
  readonly expiresAfterSeconds: number | undefined;
  isUsed: boolean;
  isDownloaded: boolean;
  /** Called at every download of the content. */
  readonly onDownload?: () => void;
}

type NewFile = Pick<
  StoredFile,
  'purpose' | 'filename' | 'content' | 'createdAtMs' | 'expiresAfterSeconds' | 'onDownload'
>;

/** The files of the account, in the order of their creation. */
export class FileStore {
  readonly #files = new Map<string, StoredFile>();
  readonly #nextId: () => string;
  #uploaded = 0;
  #deleted = 0;
  #expired = 0;

  constructor(nextId: () => string) {
    this.#nextId = nextId;
  }

  add(file: NewFile, isAzure: boolean): StoredFile {
    const id = fileId(this.#nextId(), isAzure);
    const stored = { ...file, id, isUsed: false, isDownloaded: false };
    this.#files.set(id, stored);
    if (file.purpose !== 'batch_output') this.#uploaded += 1;
    return stored;
  }

  find(id: string, nowMs: number): StoredFile | undefined {
    this.#expire(nowMs);
    return this.#files.get(id);
  }

  all(nowMs: number): StoredFile[] {
    this.#expire(nowMs);
    return [...this.#files.values()];
  }

  delete(id: string): void {
    if (this.#files.delete(id)) this.#deleted += 1;
  }

  stats(nowMs: number): FileStats {
    const files = this.all(nowMs);
    const orphans = (purpose: string, isWanted: (file: StoredFile) => boolean): number =>
      files.filter((file) => file.purpose === purpose && !isWanted(file)).length;
    return {
      uploaded: this.#uploaded,
      deleted: this.#deleted,
      expired: this.#expired,
      stored: files.length,
      storedBytes: files.reduce((sum, { content }) => sum + content.length, 0),
      orphans: {
        inputs: orphans('batch', ({ isUsed }) => isUsed),
        results: orphans('batch_output', ({ isDownloaded }) => isDownloaded),
      },
    };
  }

  #expire(nowMs: number): void {
    for (const file of this.#files.values()) {
      const expiresAt = expirySeconds(file);
      if (expiresAt === undefined || nowMs < expiresAt * 1_000) continue;
      this.#files.delete(file.id);
      this.#expired += 1;
    }
  }
}

/** OpenAI's ids are short, Azure's are 32 hexadecimal digits. */
function fileId(hex: string, isAzure: boolean): string {
  return `file-${isAzure ? hex : hex.slice(-22)}`;
}

/** When a file is gone, or undefined. Unit: s since the epoch. */
function expirySeconds({ purpose, createdAtMs, expiresAfterSeconds }: StoredFile) {
  const seconds = expiresAfterSeconds ?? (purpose === 'batch' ? BATCH_FILE_SECONDS : undefined);
  return seconds === undefined ? undefined : Math.floor(createdAtMs / 1_000) + seconds;
}

/** The File object, its fields in the recorded order. The reply to an upload shows only an expiry that was asked for (recorded). */
export function renderFile(file: StoredFile, isUpload = false): object {
  const { expiresAfterSeconds } = file;
  const isShown = !isUpload || expiresAfterSeconds !== undefined;
  return {
    object: 'file',
    id: file.id,
    purpose: file.purpose,
    filename: file.filename,
    bytes: file.content.length,
    created_at: Math.floor(file.createdAtMs / 1_000),
    expires_at: (isShown ? expirySeconds(file) : undefined) ?? null,
    status: 'processed',
    status_details: null,
  };
}
