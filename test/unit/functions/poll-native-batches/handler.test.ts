import { describe, expect, it } from 'vitest';
import { createHandler } from '../../../../functions/poll-native-batches/handler.ts';
import { NO_NATIVE_JOBS } from '../../../../shared/adapters/memory/no-native-jobs.ts';
import type { NativeJobs } from '../../../../shared/ports/native-jobs.ts';
import { createPollNativeBatches } from '../../../../shared/usecases/poll-native-batches.ts';

const SILENT = { count: () => undefined, log: () => undefined };

const start = (jobs: NativeJobs) =>
  createHandler(createPollNativeBatches({ jobs, telemetry: SILENT }), SILENT);

describe('polling batch jobs', () => {
  it('finds none while a deployment hands none out', async () => {
    expect(await start(NO_NATIVE_JOBS)()).toEqual({ open: 0, ended: 0, failed: 0 });
  });

  it('looks at every open job, also when one cannot be looked at', async () => {
    const jobs: NativeJobs = {
      open: async () => ['a', 'b', 'c'].map((id) => ({ provider: 'p', id })),
      poll: async ({ id }) => {
        if (id === 'b') throw new Error('unreachable');
        return id === 'a';
      },
    };
    expect(await start(jobs)()).toEqual({ open: 3, ended: 1, failed: 1 });
  });
});
