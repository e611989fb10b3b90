import { MAX_UPLOAD_BYTES, MAX_UPLOAD_PARTS } from '../../contracts/limits.ts';
import { openAiRefusal } from '../../contracts/openai-error.ts';
import type { FileRecord, UploadPart, UploadRecord } from '../../domain/batches/stored-file.ts';
import type { AppError } from '../../domain/errors.ts';
import { Md5 } from '../../domain/json/digests.ts';
import { timeId } from '../../domain/time-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import type { FileStore } from '../../ports/file-store.ts';
import type { Random } from '../../ports/random.ts';
import { checkPurpose, FILE_PREFIX, type ManageFiles } from './manage-files.ts';
import { readContent } from './read-content.ts';

export interface NewUpload {
  readonly tenant: string;
  readonly filename: string;
  readonly purpose: string;
  /** Unit: bytes. */
  readonly bytes: number;
  /** `null` for as long as files of its purpose are kept. Unit: ms. */
  readonly lifeMs: number | null;
}

export interface Completion {
  readonly partIds: readonly string[];
  /** In hexadecimal; `null` where the caller did not reckon it. */
  readonly md5: string | null;
}

/** An upload, with its file once it is completed. */
export interface FoundUpload {
  readonly upload: UploadRecord;
  readonly file: FileRecord | null;
}

/** Files that come in parts. Each call fails with `not_found` for an upload of another tenant. */
export interface ManageUploads {
  create(upload: NewUpload): Promise<UploadRecord>;
  addPart(tenant: string, id: string, content: Uint8Array): Promise<UploadPart>;
  /** Completed again with the same parts, it says the same. */
  complete(tenant: string, id: string, completion: Completion): Promise<FoundUpload>;
  cancel(tenant: string, id: string): Promise<UploadRecord>;
}

export interface ManageUploadsDeps {
  readonly files: FileStore;
  readonly contents: FileContents;
  readonly manageFiles: ManageFiles;
  readonly clock: Clock;
  readonly random: Random;
}

const UPLOAD_PREFIX = 'upload_';
/** As OpenAI has it. Unit: ms. */
const UPLOAD_LIFE_MS = 3_600_000;

export function createManageUploads(deps: ManageUploadsDeps): ManageUploads {
  const { files, contents, manageFiles, clock, random } = deps;

  async function find(tenant: string, id: string): Promise<UploadRecord> {
    const upload = await files.getUpload(tenant, id);
    if (upload !== null) return upload;
    const message = `No such Upload object: ${id.slice(0, 80)}`;
    throw openAiRefusal(message, 'id', 'not_found', 'not_found');
  }

  async function findPending(tenant: string, id: string): Promise<UploadRecord> {
    const upload = await find(tenant, id);
    const status = uploadStatus(upload, clock.nowMs());
    if (status !== 'pending') throw notPending(id, status);
    return upload;
  }

  async function digestOf(tenant: string, parts: readonly UploadPart[]): Promise<string> {
    const hash = new Md5();
    for await (const piece of readContent(contents, tenant, parts)) hash.add(piece);
    return hash.hex();
  }

  return {
    async create({ tenant, filename, purpose, bytes, lifeMs }) {
      if (bytes > MAX_UPLOAD_BYTES) {
        const message = `Invalid 'bytes': expected an integer from 1 to ${MAX_UPLOAD_BYTES}.`;
        throw openAiRefusal(message, 'bytes', 'invalid_value');
      }
      const createdAtMs = clock.nowMs();
      const upload: UploadRecord = {
        id: timeId(UPLOAD_PREFIX, createdAtMs, random.id('').slice(0, 20)),
        tenant,
        filename,
        purpose: checkPurpose(purpose, filename),
        bytes,
        createdAtMs,
        expiresAtMs: createdAtMs + UPLOAD_LIFE_MS,
        fileLifeMs: lifeMs,
        status: 'pending',
        fileId: null,
      };
      await files.createUpload(upload);
      return upload;
    },
    async addPart(tenant, id, content) {
      await findPending(tenant, id);
      const partId = random.id('part_');
      const part: UploadPart = { id: partId, blob: `${id}-${partId}`, bytes: content.length };
      await contents.put(tenant, part.blob, content);
      await files.addPart(tenant, id, part);
      return part;
    },
    async complete(tenant, id, { partIds, md5 }) {
      const upload = await find(tenant, id);
      if (upload.status === 'completed' && upload.fileId !== null) {
        return { upload, file: await manageFiles.get(tenant, upload.fileId) };
      }
      await findPending(tenant, id);
      if (partIds.length > MAX_UPLOAD_PARTS) {
        const message = `Invalid 'part_ids': ${partIds.length} parts. A file is made of at most ${MAX_UPLOAD_PARTS}; send larger ones.`;
        throw openAiRefusal(message, 'part_ids', 'invalid_value');
      }
      const known = new Map((await files.parts(tenant, id)).map((part) => [part.id, part]));
      const chosen = partIds.map((partId) => {
        const part = known.get(partId);
        if (part === undefined) {
          const message = `No such part: ${partId.slice(0, 80)}`;
          throw openAiRefusal(message, 'part_ids', 'invalid_value');
        }
        return part;
      });
      const bytes = chosen.reduce((sum, part) => sum + part.bytes, 0);
      if (bytes !== upload.bytes) {
        const message = `The parts have ${bytes} bytes together, but the upload was created for ${upload.bytes}.`;
        throw openAiRefusal(message, 'part_ids', 'invalid_value');
      }
      if (md5 !== null && (await digestOf(tenant, chosen)) !== md5.toLowerCase()) {
        const message = 'The md5 checksum does not match the bytes received.';
        throw openAiRefusal(message, 'md5', 'invalid_value');
      }
      const { filename, purpose, fileLifeMs: lifeMs } = upload;
      const parts = chosen.map(({ blob, bytes: size }) => ({ blob, bytes: size }));
      // One upload makes one file, however often it is completed, by however many at once.
      const fileId = `${FILE_PREFIX}${id.slice(UPLOAD_PREFIX.length)}`;
      const file = await manageFiles.register(fileId, { tenant, filename, purpose, lifeMs }, parts);
      const end = { status: 'completed', fileId: file.id } as const;
      if (await files.endUpload(tenant, id, end)) {
        const unused = [...known.values()].filter((part) => !chosen.includes(part));
        await contents.discard(
          tenant,
          unused.map(({ blob }) => blob),
        );
        return { upload: { ...upload, ...end }, file };
      }
      // Somebody else ended it meanwhile, or we did and the answer was lost.
      const standing = await find(tenant, id);
      if (standing.fileId === null) {
        await files.deleteFile(tenant, file.id);
        throw notPending(id, standing.status);
      }
      return { upload: standing, file: await manageFiles.get(tenant, standing.fileId) };
    },
    async cancel(tenant, id) {
      const upload = await findPending(tenant, id);
      const end = { status: 'cancelled', fileId: null } as const;
      if (!(await files.endUpload(tenant, id, end))) throw notPending(id, 'completed');
      const parts = await files.parts(tenant, id);
      await contents.discard(
        tenant,
        parts.map(({ blob }) => blob),
      );
      return { ...upload, ...end };
    },
  };
}

/** The status as it stands now: an upload nobody ended in time has expired. */
export function uploadStatus(
  { status, expiresAtMs }: UploadRecord,
  nowMs: number,
): UploadRecord['status'] {
  return status === 'pending' && expiresAtMs <= nowMs ? 'expired' : status;
}

function notPending(id: string, status: string): AppError {
  const message = `Upload ${id} is ${status}; only a pending upload changes.`;
  return openAiRefusal(message, null, 'upload_not_pending');
}
