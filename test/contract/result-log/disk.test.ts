import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskPayloadStore } from '../../../shared/adapters/disk/payload-store.ts';
import { DiskResultLog } from '../../../shared/adapters/disk/result-log.ts';
import { defineResultLogContract } from './suite.ts';

defineResultLogContract('disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'penstock-results-'));
  const log = new DiskResultLog({ directory, maxSegmentBytes: 100_000 });
  const payloads = new DiskPayloadStore({ directory });
  return {
    log,
    payloads,
    reader: () => log,
    async close() {
      await log.close();
      await payloads.close();
      await rm(directory, { recursive: true });
    },
  };
});
