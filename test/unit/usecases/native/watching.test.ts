import { afterEach, expect, it } from 'vitest';
import { METRICS } from '../../../../shared/contracts/metric-names.ts';
import { concernOf } from '../../../../shared/domain/native/native-job.ts';
import type { NativeBatchFailure } from '../../../../shared/ports/native-batch-provider.ts';
import { createNativePolling } from '../../../../shared/usecases/native/hurry-native-jobs.ts';
import { createTickNative } from '../../../../shared/usecases/native/tick-native.ts';
import { createWatchNativeJobs } from '../../../../shared/usecases/native/watch-native-jobs.ts';
import { createNativeWorld, type NativeWorld, NEVER } from '../../../support/native-world.ts';

const HOUR_MS = 3_600_000;

let world: NativeWorld;
afterEach(() => world.close());

/** What is measured and logged after a tick that failed to look at so many jobs. */
function createWatch() {
  const counted: Record<string, number> = {};
  const logged: Record<string, unknown>[] = [];
  const watch = createWatchNativeJobs({
    ...world.deps,
    telemetry: {
      count: (metric, value) => {
        counted[metric] = value;
      },
      log: (level, message, fields) => logged.push({ level, message, ...fields }),
    },
  });
  const look = async (failed = 0) => {
    const report = { built: 0, submitted: 0, polled: 0, ended: 0, settled: 0, stops: [], failed };
    await watch(report);
    return counted;
  };
  return { look, logged };
}

it('measures batches that do not end, and logs each of them once', async () => {
  world = createNativeWorld({ simulator: { batches: { script: [{ outcome: 'stuck' }] } } });
  await world.accept(3);
  const { look, logged } = createWatch();
  await world.tick();
  expect(await look()).toEqual({
    [METRICS.nativeJobsStuck]: 0,
    [METRICS.nativeJobsUnseen]: 0,
    [METRICS.nativeResultsLost]: 0,
  });
  await world.runUntil(world.clock.now + 35 * HOUR_MS);
  expect((await look())[METRICS.nativeJobsStuck]).toBe(0);
  world.clock.now += 2 * HOUR_MS;
  expect((await look())[METRICS.nativeJobsStuck]).toBe(1);
  expect((await look(2))[METRICS.nativeJobsUnseen]).toBe(2);
  expect(logged).toMatchObject([
    { level: 'error', message: 'A batch job does not move', concern: 'has not ended in 37 h' },
  ]);
});

it('measures jobs whose rows cannot be handed over, and those nobody looks at', async () => {
  world = createNativeWorld({});
  await world.accept(3);
  const { look, logged } = createWatch();
  const down: NativeBatchFailure = {
    kind: 'failed',
    code: 'provider_unreachable',
    message: 'no answer',
    isAmbiguous: true,
    retryAfterMs: null,
    faults: [],
  };
  const provider = Object.assign(Object.create(world.provider), { upload: async () => down });
  const tick = createTickNative({ ...world.deps, providers: new Map([['p', provider]]) });
  await tick({ deadlineMs: Number.POSITIVE_INFINITY, signal: NEVER });
  expect((await look())[METRICS.nativeJobsStuck]).toBe(0);
  world.clock.now += 3 * HOUR_MS;
  await tick({ deadlineMs: Number.POSITIVE_INFINITY, signal: NEVER });
  expect((await look())[METRICS.nativeJobsStuck]).toBe(1);
  const concern = 'could not be handed over for 3 h: provider_unreachable: no answer';
  expect(logged).toMatchObject([{ concern }]);

  const [job] = await world.deps.jobs.unfinished();
  if (job === undefined) throw new Error('The job is gone');
  const unseen = { ...job, createdAtMs: world.clock.now, dueAtMs: world.clock.now - HOUR_MS };
  expect(concernOf(unseen, world.clock.now)).toBe('was due 1 h ago');
});

it('asks at once about a batch whose provider has told that it ended', async () => {
  const turnaround = { minMs: 10 * HOUR_MS, maxMs: 10 * HOUR_MS };
  world = createNativeWorld({ simulator: { batches: { turnaround } } });
  await world.accept(3);
  await world.tick();
  const [job] = await world.deps.jobs.unfinished();
  if (job?.batchId == null) throw new Error('No batch was made');
  await world.deps.jobs.update({ ...job, dueAtMs: world.clock.now + 20 * HOUR_MS });
  world.clock.now += 15 * HOUR_MS;
  await world.tick();
  expect(world.settled).toEqual([]);
  const polling = createNativePolling(world.deps.jobs, world.clock);
  expect(await polling.pollSoon('p', job.batchId)).toBe(true);
  await world.tick();
  expect(world.settled).toMatchObject([{ end: 'completed' }]);
});
