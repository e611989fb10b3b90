import type { FileRecord, UploadPart, UploadRecord } from '../../domain/batches/stored-file.ts';
import type { FileFilter, FileStore } from '../../ports/file-store.ts';
import { type Item, number, text } from './table/attributes.ts';
import { type Key, tenantPartition } from './table/keys.ts';
import { Table } from './table/table.ts';
import type { TableAccess } from './table/table-access.ts';

const DAY_SECONDS = 86_400;

/**
 * Records of files and uploads in DynamoDB. What has expired goes by the table's TTL.
 *
 * | item   | pk                     | sk          |
 * | ------ | ---------------------- | ----------- |
 * | file   | `T#<tenant>#F`         | id          |
 * | upload | `T#<tenant>#UP#<id>`   | `U`         |
 * | part   | the same               | `P#<id>`    |
 */
export class DynamoFileStore implements FileStore {
  readonly #table: Table;
  readonly #nowMs: () => number;
  readonly #retentionDays: number;

  constructor(access: TableAccess, nowMs: () => number, retentionDays: number) {
    this.#table = new Table(access);
    this.#nowMs = nowMs;
    this.#retentionDays = retentionDays;
  }

  async putFile(record: FileRecord): Promise<void> {
    const ttl =
      record.expiresAtMs === null
        ? this.#ttl()
        : Math.ceil(record.expiresAtMs / 1_000) + DAY_SECONDS;
    await this.#table.put({ ...fileKey(record.tenant, record.id), j: JSON.stringify(record), ttl });
  }

  async getFile(tenant: string, id: string): Promise<FileRecord | null> {
    const item = await this.#table.get(fileKey(tenant, id));
    return item === null || item['gone'] === 1 ? null : readFile(item);
  }

  async listFiles(filter: FileFilter): Promise<{ items: FileRecord[]; hasMore: boolean }> {
    const { tenant, purpose, nowMs, after, order, limit } = filter;
    const items: FileRecord[] = [];
    const comparison = order === 'asc' ? '>' : '<';
    const pages = this.#table.query({
      partition: filesPartition(tenant),
      isDescending: order === 'desc',
      ...(after === undefined
        ? {}
        : { sort: { text: `#sort ${comparison} :after`, values: { after } } }),
    });
    for await (const page of pages) {
      for (const item of page) {
        if (item['gone'] === 1) continue;
        const file = readFile(item);
        const isExpired = file.expiresAtMs !== null && file.expiresAtMs <= nowMs;
        if (isExpired || (purpose !== undefined && file.purpose !== purpose)) continue;
        if (items.length === limit) return { items, hasMore: true };
        items.push(file);
      }
    }
    return { items, hasMore: false };
  }

  /** Functions may not delete items: it is marked, and goes by TTL. */
  async deleteFile(tenant: string, id: string): Promise<FileRecord | null> {
    const found = await this.getFile(tenant, id);
    if (found === null) return null;
    const change = { text: 'SET gone = :one, #ttl = :now', values: { one: 1, now: this.#now() } };
    await this.#table.update(fileKey(tenant, id), change, { text: 'attribute_exists(pk)' });
    return found;
  }

  async expiredFiles(): Promise<FileRecord[]> {
    return [];
  }

  async expiredUploads(): Promise<UploadRecord[]> {
    return [];
  }

  async createUpload(record: UploadRecord): Promise<void> {
    const key = uploadKey(record.tenant, record.id);
    await this.#table.put({ ...key, j: JSON.stringify(record), st: 'pending', ttl: this.#ttl() });
  }

  async getUpload(tenant: string, id: string): Promise<UploadRecord | null> {
    const item = await this.#table.get(uploadKey(tenant, id));
    if (item === null) return null;
    const record: UploadRecord = JSON.parse(text(item, 'j'));
    const status =
      item['st'] === 'completed' || item['st'] === 'cancelled' ? item['st'] : 'pending';
    const fileId = typeof item['fi'] === 'string' ? item['fi'] : null;
    return { ...record, status, fileId };
  }

  async endUpload(
    tenant: string,
    id: string,
    { status, fileId }: Parameters<FileStore['endUpload']>[2],
  ): Promise<boolean> {
    const change =
      fileId === null
        ? { text: 'SET st = :st', values: { st: status } }
        : { text: 'SET st = :st, fi = :fi', values: { st: status, fi: fileId } };
    const condition = { text: 'st = :pending', values: { pending: 'pending' } };
    return (await this.#table.update(uploadKey(tenant, id), change, condition)) === null;
  }

  async addPart(tenant: string, uploadId: string, part: UploadPart): Promise<void> {
    const { id, blob, bytes } = part;
    const { pk } = uploadKey(tenant, uploadId);
    await this.#table.put({ pk, sk: `P#${id}`, id, blob, bytes, ttl: this.#ttl() });
  }

  async parts(tenant: string, uploadId: string): Promise<UploadPart[]> {
    const parts: UploadPart[] = [];
    const { pk } = uploadKey(tenant, uploadId);
    const sort = { text: 'begins_with(#sort, :prefix)', values: { prefix: 'P#' } };
    for await (const page of this.#table.query({ partition: pk, sort })) {
      for (const item of page) {
        parts.push({
          id: text(item, 'id'),
          blob: text(item, 'blob'),
          bytes: number(item, 'bytes'),
        });
      }
    }
    return parts;
  }

  #now(): number {
    return Math.ceil(this.#nowMs() / 1_000);
  }

  #ttl(): number {
    return this.#now() + this.#retentionDays * DAY_SECONDS;
  }
}

function filesPartition(tenant: string): string {
  return `${tenantPartition(tenant)}#F`;
}

function fileKey(tenant: string, id: string): Key {
  return { pk: filesPartition(tenant), sk: id };
}

function uploadKey(tenant: string, id: string): Key {
  return { pk: `${tenantPartition(tenant)}#UP#${id.replaceAll('#', '%23')}`, sk: 'U' };
}

function readFile(item: Item): FileRecord {
  const record: FileRecord = JSON.parse(text(item, 'j'));
  return record;
}
