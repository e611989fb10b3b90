import { beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { UploadStore } from '../../../shared/ports/upload-store.ts';

const FIFTEEN_MINUTES_MS = 900_000;
const body = new TextEncoder().encode('{"custom_id":"ünï"}\n'.repeat(50_000));

/** What every UploadStore must do. */
export function defineUploadStoreContract(
  name: string,
  makeStore: () => Promise<UploadStore>,
): void {
  describe(`UploadStore on ${name}`, () => {
    let uploads: UploadStore;
    let id: string;
    const put = async (tenant: string) => {
      const target = await uploads.createTarget(tenant, id, body.length);
      const { url, headers } = target;
      return { target, response: await fetch(url, { method: 'PUT', headers, body }) };
    };

    beforeEach(async () => {
      uploads = await makeStore();
      id = systemRandom.id('upload_');
    });

    it('takes what is put where it said, and gives it back', async () => {
      const { target, response } = await put('tenant-a');
      expect(response.status).toBe(200);
      expect(target.id).toBe(id);
      expect(new Uint8Array((await uploads.read('tenant-a', id)) ?? [])).toEqual(body);
    });

    it('ends a target’s life a quarter of an hour from now', async () => {
      const { expiresAtMs } = await uploads.createTarget('tenant-a', id, 10);
      expect(Math.abs(expiresAtMs - Date.now() - FIFTEEN_MINUTES_MS)).toBeLessThan(5_000);
    });

    it('has nothing where nothing was put', async () => {
      expect(await uploads.read('tenant-a', id)).toBeNull();
      await uploads.createTarget('tenant-a', id, 10);
      expect(await uploads.read('tenant-a', id)).toBeNull();
    });

    it('keeps one tenant’s uploads from all others', async () => {
      await put('tenant-a');
      expect(await uploads.read('tenant-b', id)).toBeNull();
      expect(await uploads.read('tenant-b', `../../tenant-a/uploads/${id}`)).toBeNull();
      expect(await uploads.read('tenant-b/../tenant-a', id)).toBeNull();
      expect(await uploads.read('', id)).toBeNull();
    });

    it.each(['', '..', 'a/b', 'a\\b', '%2e', 'x'.repeat(129)])('refuses the id %j', async (bad) => {
      await expect(uploads.createTarget('tenant-a', bad, 10)).rejects.toMatchObject({
        code: 'invalid_request',
      });
      expect(await uploads.read('tenant-a', bad)).toBeNull();
    });
  });
}
