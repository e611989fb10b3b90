import type { FileRecord, UploadPart, UploadRecord } from '../../domain/batches/stored-file.ts';
import type { FileFilter, FileStore } from '../../ports/file-store.ts';
import { number, text, textOrNull, word } from './columns.ts';
import type { Database } from './database.ts';

const PUT = `
  INSERT INTO files (tenant, id, purpose, expires_at_ms, record) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (tenant, id) DO UPDATE SET purpose = excluded.purpose,
    expires_at_ms = excluded.expires_at_ms, record = excluded.record`;
const GET = 'SELECT record FROM files WHERE tenant = ? AND id = ?';
const DELETE = 'DELETE FROM files WHERE tenant = ? AND id = ?';
const EXPIRED = `
  SELECT record FROM files WHERE expires_at_ms IS NOT NULL AND expires_at_ms <= ? LIMIT ?`;
const LIST = {
  asc: listOf('>', 'ASC'),
  desc: listOf('<', 'DESC'),
} as const;

const CREATE_UPLOAD = `INSERT INTO uploads (tenant, id, status, record) VALUES (?, ?, 'pending', ?)`;
const GET_UPLOAD = 'SELECT record, status, file_id FROM uploads WHERE tenant = ? AND id = ?';
const EXPIRED_UPLOADS = `
  SELECT record FROM uploads
  WHERE status = 'pending' AND json_extract(record, '$.expiresAtMs') <= ? LIMIT ?`;
const END_UPLOAD = `
  UPDATE uploads SET status = ?, file_id = ? WHERE tenant = ? AND id = ? AND status = 'pending'`;
const ADD_PART = `
  INSERT INTO upload_parts (tenant, upload_id, id, blob, bytes) VALUES (?, ?, ?, ?, ?)`;
const PARTS = 'SELECT id, blob, bytes FROM upload_parts WHERE tenant = ? AND upload_id = ?';

const STATUSES = ['pending', 'completed', 'cancelled', 'expired'] as const;

function listOf(comparison: '<' | '>', direction: 'ASC' | 'DESC'): string {
  return `
  SELECT record FROM files
  WHERE tenant = ?1 AND (?2 IS NULL OR id ${comparison} ?2) AND (?3 IS NULL OR purpose = ?3)
    AND (expires_at_ms IS NULL OR expires_at_ms > ?4)
  ORDER BY id ${direction} LIMIT ?5`;
}

/** Records of files and uploads, in one SQLite database. */
export class SqliteFileStore implements FileStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async putFile(record: FileRecord): Promise<void> {
    const { tenant, id, purpose, expiresAtMs } = record;
    this.#run(PUT, tenant, id, purpose, expiresAtMs, JSON.stringify(record));
    await this.#database.flush();
  }

  async getFile(tenant: string, id: string): Promise<FileRecord | null> {
    const row = this.#database.statement(GET).get(tenant, id);
    return row ? readFile(row[0]) : null;
  }

  async listFiles(filter: FileFilter): Promise<{ items: FileRecord[]; hasMore: boolean }> {
    const { tenant, purpose = null, nowMs, after = null, order, limit } = filter;
    const statement = this.#database.statement(LIST[order]);
    const rows = statement.all(tenant, after, purpose, nowMs, limit + 1);
    const items = rows.slice(0, limit).map((row) => readFile(row[0]));
    return { items, hasMore: rows.length > limit };
  }

  async deleteFile(tenant: string, id: string): Promise<FileRecord | null> {
    const found = await this.getFile(tenant, id);
    if (found !== null) this.#run(DELETE, tenant, id);
    await this.#database.flush();
    return found;
  }

  async expiredFiles(nowMs: number, limit: number): Promise<FileRecord[]> {
    const rows = this.#database.statement(EXPIRED).all(nowMs, limit);
    return rows.map((row) => readFile(row[0]));
  }

  async expiredUploads(nowMs: number, limit: number): Promise<UploadRecord[]> {
    const rows = this.#database.statement(EXPIRED_UPLOADS).all(nowMs, limit);
    return rows.map((row): UploadRecord => JSON.parse(text(row[0])));
  }

  async createUpload(record: UploadRecord): Promise<void> {
    this.#run(CREATE_UPLOAD, record.tenant, record.id, JSON.stringify(record));
    await this.#database.flush();
  }

  async getUpload(tenant: string, id: string): Promise<UploadRecord | null> {
    const row = this.#database.statement(GET_UPLOAD).get(tenant, id);
    if (!row) return null;
    const record: UploadRecord = JSON.parse(text(row[0]));
    return { ...record, status: word(row[1], STATUSES), fileId: textOrNull(row[2] ?? null) };
  }

  async endUpload(
    tenant: string,
    id: string,
    { status, fileId }: Parameters<FileStore['endUpload']>[2],
  ): Promise<boolean> {
    const isEnded = this.#run(END_UPLOAD, status, fileId, tenant, id) === 1;
    await this.#database.flush();
    return isEnded;
  }

  async addPart(tenant: string, uploadId: string, part: UploadPart): Promise<void> {
    this.#run(ADD_PART, tenant, uploadId, part.id, part.blob, part.bytes);
    await this.#database.flush();
  }

  async parts(tenant: string, uploadId: string): Promise<UploadPart[]> {
    const rows = this.#database.statement(PARTS).all(tenant, uploadId);
    return rows.map((row) => ({ id: text(row[0]), blob: text(row[1]), bytes: number(row[2]) }));
  }

  #run(sql: string, ...values: readonly (string | number | null)[]): number {
    return this.#database.transaction(() => {
      const { changes } = this.#database.statement(sql).run(...values);
      return Number(changes);
    });
  }
}

function readFile(column: Parameters<typeof text>[0]): FileRecord {
  const record: FileRecord = JSON.parse(text(column));
  return record;
}
