import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskPayloadStore } from '../../../shared/adapters/disk/payload-store.ts';
import { definePayloadStoreContract } from './suite.ts';

for (const [name, maxSegmentBytes] of [
  ['disk', undefined],
  ['disk, in small segments', 4_000],
] as const) {
  definePayloadStoreContract(name, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'penstock-payloads-'));
    const payloads = new DiskPayloadStore({
      directory,
      ...(maxSegmentBytes === undefined ? {} : { maxSegmentBytes }),
    });
    return {
      payloads,
      async close() {
        await payloads.close();
        await rm(directory, { recursive: true });
      },
    };
  });
}
