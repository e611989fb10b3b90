import { beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { FileContents } from '../../../shared/ports/file-contents.ts';

const bytes = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251);

/** What every FileContents must do. */
export function defineFileContentsContract(
  name: string,
  makeStore: () => Promise<FileContents>,
): void {
  describe(`FileContents on ${name}`, () => {
    let contents: FileContents;
    let blob: string;
    beforeEach(async () => {
      contents = await makeStore();
      blob = systemRandom.id('blob_');
    });
    const read = async (tenant: string, from: number, to: number) => {
      const found = await contents.read(tenant, blob, from, to);
      return found === null ? null : [...found];
    };

    it('gives back ranges of what was put, and of what was put over it', async () => {
      await contents.put('a', blob, bytes);
      expect(await read('a', 0, 1_000)).toEqual([...bytes]);
      expect(await read('a', 10, 20)).toEqual([...bytes.subarray(10, 20)]);
      expect(await read('a', 990, 5_000)).toEqual([...bytes.subarray(990)]);
      await contents.put('a', blob, bytes.subarray(0, 3));
      expect(await read('a', 0, 1_000)).toEqual([0, 1, 2]);
    });

    it('keeps one tenant’s content from all others', async () => {
      await contents.put('a', blob, bytes);
      expect(await read('b', 0, 10)).toBeNull();
      expect(await read('b/../a', 0, 10)).toBeNull();
      expect(await read('', 0, 10)).toBeNull();
    });

    it('lets go of what is discarded', async () => {
      await contents.put('a', blob, bytes);
      await contents.discard('a', [blob]);
      expect((await read('a', 0, 10)) ?? []).toEqual([]);
      await contents.discard('b', ['none']);
    });
  });
}
