import { DEFAULT_FILE_LIFE_MS, MAX_FILENAME_LENGTH } from '../../contracts/limits.ts';
import { openAiRefusal } from '../../contracts/openai-error.ts';
import {
  type FilePart,
  type FileRecord,
  isExpired,
  UPLOAD_PURPOSES,
  type UploadPurpose,
} from '../../domain/batches/stored-file.ts';
import { AppError } from '../../domain/errors.ts';
import { sha256 } from '../../domain/json/digests.ts';
import { timeId } from '../../domain/time-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import type { FileFilter, FileStore } from '../../ports/file-store.ts';
import type { IdClaims } from '../../ports/id-claims.ts';
import type { Random } from '../../ports/random.ts';

export interface NewFile {
  readonly tenant: string;
  readonly filename: string;
  readonly purpose: string;
  readonly content: Uint8Array;
  /** `null` for as long as files of its purpose are kept. Unit: ms. */
  readonly lifeMs: number | null;
  /** The same file under the same key is kept once; `null` keeps it anew. */
  readonly idempotencyKey: string | null;
}

/** What callers do with files. Each call fails with `not_found` for a file of another tenant. */
export interface ManageFiles {
  /** @throws {AppError} `invalid_request`; `idempotency_conflict`. */
  create(file: NewFile): Promise<FileRecord>;
  /** Makes a file of what is stored already, under an id that is the caller's to give. */
  register(
    id: string,
    file: Omit<NewFile, 'content' | 'idempotencyKey'>,
    parts: readonly FilePart[],
  ): Promise<FileRecord>;
  get(tenant: string, id: string): Promise<FileRecord>;
  list(filter: Omit<FileFilter, 'nowMs'>): Promise<{ items: FileRecord[]; hasMore: boolean }>;
  delete(tenant: string, id: string): Promise<void>;
  /** Lets go of content that has expired, and of uploads nobody ended in time. Resolves to how many files that were. */
  purge(): Promise<number>;
}

export interface ManageFilesDeps {
  readonly files: FileStore;
  readonly contents: FileContents;
  readonly claims: IdClaims;
  readonly clock: Clock;
  readonly random: Random;
  /** Longer nothing is kept here. `null` for no such bound. Unit: ms. */
  readonly mostFileLifeMs: number | null;
}

export const FILE_PREFIX = 'file-';
/** Of each kind; a purge comes every minute. */
const PURGED_AT_ONCE = 1_000;

export function createManageFiles(deps: ManageFilesDeps): ManageFiles {
  const { files, contents, claims, clock, random, mostFileLifeMs } = deps;

  const newId = (): string => timeId(FILE_PREFIX, clock.nowMs(), random.id('').slice(0, 20));

  async function find(tenant: string, id: string): Promise<FileRecord | null> {
    const file = await files.getFile(tenant, id);
    return file === null || isExpired(file, clock.nowMs()) ? null : file;
  }

  async function discard({ id, tenant, source }: FileRecord): Promise<void> {
    const parts = source.kind === 'stored' ? source.parts : [];
    await contents.discard(tenant, [wholeBlobOf(id), ...parts.map(({ blob }) => blob)]);
  }

  async function record(
    id: string,
    { tenant, filename, purpose, lifeMs }: Omit<NewFile, 'content' | 'idempotencyKey'>,
    parts: readonly FilePart[],
  ): Promise<FileRecord> {
    const createdAtMs = clock.nowMs();
    const checked = checkPurpose(purpose, filename);
    const life = lifeMs ?? (checked === 'batch' ? DEFAULT_FILE_LIFE_MS : null);
    const bounded = least(life, mostFileLifeMs);
    const file: FileRecord = {
      id,
      tenant,
      filename,
      purpose: checked,
      bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
      createdAtMs,
      expiresAtMs: bounded === null ? null : createdAtMs + bounded,
      source: { kind: 'stored', parts },
    };
    await files.putFile(file);
    return file;
  }

  return {
    async create(file) {
      const { tenant, filename, purpose, content, idempotencyKey } = file;
      checkPurpose(purpose, filename);
      let id = newId();
      if (idempotencyKey !== null) {
        const digest = sha256(content);
        const fingerprint = JSON.stringify([purpose, filename, digest, file.lifeMs]);
        const standing = await claims.claim(tenant, `file/${idempotencyKey}`, { fingerprint, id });
        if (standing.fingerprint !== fingerprint) throw keyConflict();
        id = standing.id;
        const known = await find(tenant, id);
        if (known !== null) return known;
      }
      // Content first: a file that is known must be readable.
      const blob = `${id}-0`;
      await contents.put(tenant, blob, content);
      return record(id, file, [{ blob, bytes: content.length }]);
    },
    register: record,
    async get(tenant, id) {
      const file = await find(tenant, id);
      if (file === null) throw unknownFile(id);
      return file;
    },
    list: (filter) => files.listFiles({ ...filter, nowMs: clock.nowMs() }),
    async delete(tenant, id) {
      const file = await find(tenant, id);
      if (file === null) throw unknownFile(id);
      await discard(file);
      await files.deleteFile(tenant, id);
    },
    async purge() {
      const expired = await files.expiredFiles(clock.nowMs(), PURGED_AT_ONCE);
      for (const file of expired) {
        await discard(file);
        await files.deleteFile(file.tenant, file.id);
      }
      for (const { tenant, id } of await files.expiredUploads(clock.nowMs(), PURGED_AT_ONCE)) {
        const parts = await files.parts(tenant, id);
        if (!(await files.endUpload(tenant, id, { status: 'expired', fileId: null }))) continue;
        await contents.discard(
          tenant,
          parts.map(({ blob }) => blob),
        );
      }
      return expired.length;
    },
  };
}

/** Where a home that hands large content on elsewhere keeps a file as one blob. */
export function wholeBlobOf(fileId: string): string {
  return `${fileId}-whole`;
}

/** @throws {AppError} `invalid_request` when such a file cannot be for that. */
export function checkPurpose(purpose: string, filename: string): UploadPurpose {
  const known = UPLOAD_PURPOSES.find((candidate) => candidate === purpose);
  if (known === undefined) {
    const names = UPLOAD_PURPOSES.map((name) => `'${name}'`).join(', ');
    const message = `'${purpose.slice(0, 80)}' is not one of [${names}] - 'purpose'`;
    throw openAiRefusal(message, 'purpose', 'invalid_value');
  }
  if (filename.length > MAX_FILENAME_LENGTH) {
    const message = `Invalid filename: longer than ${MAX_FILENAME_LENGTH} characters.`;
    throw openAiRefusal(message, 'filename', 'string_above_max_length');
  }
  if (known !== 'batch' || filename.endsWith('.jsonl')) return known;
  const message = 'Invalid file format for Batch API. Must be .jsonl';
  throw openAiRefusal(message, 'file', 'invalid_file_format');
}

/** The same words for a file of another tenant and one that never was. */
export function unknownFile(id: string): AppError {
  const message = `No such File object: ${id.slice(0, 80)}`;
  return openAiRefusal(message, 'id', 'not_found', 'not_found');
}

export function keyConflict(): AppError {
  const message =
    'The idempotency key belongs to a call that asked for something else. Use a new key for a new call';
  return new AppError('idempotency_conflict', message);
}

function least(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}
