import { expect, it } from 'vitest';
import { NativeScheduler } from '../../../local/native-scheduler.ts';
import { openDatabase } from '../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../shared/adapters/sqlite/stores.ts';
import type { ProviderStop } from '../../../shared/domain/capacity/provider-stop.ts';
import type { TickReport } from '../../../shared/usecases/native/native-deps.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const MINUTE_MS = 60_000;
const STOP: ProviderStop = { provider: 'p', code: 'provider_auth_failed', message: 'no such key' };

it('tells of a refused key between the looks that meet it, and no more once it is mended', async () => {
  const clock = new FakeClock();
  const database = openDatabase(':memory:');
  const stores = createSqliteStores(database);
  const startedAtMs = clock.nowMs();
  const scheduler = new NativeScheduler({
    jobs: stores.nativeJobs,
    work: stores.work,
    clock,
    expectEndMs: async () => null,
    telemetry: { count: () => undefined, log: () => undefined },
    createTick: () => async (): Promise<TickReport> => {
      const isRefused = clock.nowMs() === startedAtMs;
      const none = { built: 0, submitted: 0, polled: 0, ended: 0, settled: 0, failed: 0 };
      return { ...none, stops: isRefused ? [STOP] : [] };
    },
  });
  const running = scheduler.run();
  await clock.runUntil(clock.sleep(9 * MINUTE_MS));
  expect(scheduler.stops()).toEqual([STOP]);
  await clock.runUntil(clock.sleep(3 * MINUTE_MS));
  expect(scheduler.stops()).toEqual([]);
  scheduler.stop();
  await clock.runUntil(running);
  await database.close();
});
