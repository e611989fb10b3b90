import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { FileRecord, UploadRecord } from '../../../shared/domain/batches/stored-file.ts';
import { timeId } from '../../../shared/domain/time-id.ts';
import type { FileStore } from '../../../shared/ports/file-store.ts';
import type { IdClaims } from '../../../shared/ports/id-claims.ts';
import { START_MS } from '../builders.ts';

export interface FilesUnderTest {
  readonly files: FileStore;
  readonly claims: IdClaims;
  close(): Promise<void>;
}

/** What every FileStore and IdClaims must do. Other tests may share its store. */
export function defineFileStoreContract(
  name: string,
  makeStore: () => Promise<FilesUnderTest>,
): void {
  describe(`FileStore on ${name}`, () => {
    let store: FilesUnderTest;
    let tenant: string;
    beforeEach(async () => {
      store = await makeStore();
      tenant = systemRandom.id('t#/');
    });
    afterEach(() => store.close());

    const file = (index: number, overrides: Partial<FileRecord> = {}): FileRecord => ({
      id: timeId('file-', START_MS + index, systemRandom.id('').slice(0, 20)),
      tenant,
      filename: 'ü.jsonl',
      purpose: 'batch',
      bytes: 3,
      createdAtMs: START_MS + index,
      expiresAtMs: START_MS + 1_000_000,
      source: { kind: 'stored', parts: [{ blob: 'b', bytes: 3 }] },
      ...overrides,
    });

    it('keeps, replaces and deletes a record, for its tenant alone', async () => {
      const { files } = store;
      const one = file(1);
      await files.putFile(one);
      expect(await files.getFile(tenant, one.id)).toEqual(one);
      expect(await files.getFile(`${tenant}x`, one.id)).toBeNull();
      await files.putFile({ ...one, bytes: 9 });
      expect((await files.getFile(tenant, one.id))?.bytes).toBe(9);
      expect((await files.deleteFile(tenant, one.id))?.id).toBe(one.id);
      expect(await files.deleteFile(tenant, one.id)).toBeNull();
      expect(await files.getFile(tenant, one.id)).toBeNull();
    });

    it('lists page by page in both directions, without what has expired or is for something else', async () => {
      const { files } = store;
      const all = [1, 2, 3, 4, 5].map((index) => file(index));
      const late = file(6, { expiresAtMs: START_MS + 10 });
      const other = file(7, { purpose: 'user_data', expiresAtMs: null });
      for (const record of [...all, late, other]) await files.putFile(record);
      const page = { tenant, purpose: 'batch' as const, nowMs: START_MS + 10, limit: 2 };
      const newest = await files.listFiles({ ...page, order: 'desc' });
      expect(newest.items.map(({ id }) => id)).toEqual([all[4]?.id, all[3]?.id]);
      expect(newest.hasMore).toBe(true);
      const rest = { ...page, order: 'desc' as const, after: all[3]?.id ?? '', limit: 3 };
      const end = await files.listFiles(rest);
      expect([end.items.length, end.hasMore]).toEqual([3, false]);
      const oldest = await files.listFiles({ ...page, order: 'asc', after: all[0]?.id ?? '' });
      expect(oldest.items.map(({ id }) => id)).toEqual([all[1]?.id, all[2]?.id]);
    });

    it('gathers parts, and lets an upload end once', async () => {
      const { files } = store;
      const upload: UploadRecord = {
        id: systemRandom.id('upload_'),
        tenant,
        filename: 'a.jsonl',
        purpose: 'batch',
        bytes: 4,
        createdAtMs: START_MS,
        expiresAtMs: START_MS + 1,
        fileLifeMs: null,
        status: 'pending',
        fileId: null,
      };
      await files.createUpload(upload);
      const parts = ['p1', 'p2'].map((id) => ({ id, blob: `b-${id}`, bytes: 2 }));
      for (const part of parts) await files.addPart(tenant, upload.id, part);
      const found = await files.parts(tenant, upload.id);
      expect(found.toSorted((one, other) => one.id.localeCompare(other.id))).toEqual(parts);
      expect(await files.parts(`${tenant}x`, upload.id)).toEqual([]);
      const end = { status: 'completed', fileId: 'file-1' } as const;
      expect(await files.endUpload(tenant, upload.id, end)).toBe(true);
      expect(await files.endUpload(tenant, upload.id, { status: 'cancelled', fileId: null })).toBe(
        false,
      );
      expect(await files.getUpload(tenant, upload.id)).toEqual({ ...upload, ...end });
      expect(await files.getUpload(`${tenant}x`, upload.id)).toBeNull();
    });

    it('lets one of many have a key', async () => {
      expect(await store.claims.find(tenant, 'key')).toBeNull();
      const claims = await Promise.all(
        [1, 2, 3, 4].map((rival) =>
          store.claims.claim(tenant, 'key', { fingerprint: `f${rival}`, id: `id${rival}` }),
        ),
      );
      expect(new Set(claims.map(({ id }) => id)).size).toBe(1);
      const other = { fingerprint: 'x', id: 'y' };
      expect(await store.claims.claim(tenant, 'key', other)).toEqual(claims[0]);
      expect(await store.claims.find(tenant, 'key')).toEqual(claims[0]);
      expect(await store.claims.find(`${tenant}x`, 'key')).toBeNull();
      expect(await store.claims.claim(`${tenant}x`, 'key', other)).toEqual(other);
    });
  });
}
