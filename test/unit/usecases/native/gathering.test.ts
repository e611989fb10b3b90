import { afterEach, describe, expect, it } from 'vitest';
import { modelPrice } from '../../../../shared/domain/cost/pricing.ts';
import { createCancelNativeJob } from '../../../../shared/usecases/native/cancel-native-job.ts';
import { createNativeWorld, type NativeWorld } from '../../../support/native-world.ts';

const HOUR_MS = 3_600_000;

let world: NativeWorld;
afterEach(() => world.close());

const rowCounts = async () =>
  (await world.stores.nativeJobs.unfinished()).map(({ rowCount }) => rowCount).sort();

describe('gathering', () => {
  it('makes jobs of one deadline class, within what the provider takes', async () => {
    world = createNativeWorld();
    const provider = Object.assign(Object.create(world.provider), {
      limits: { ...world.provider.limits, mostRows: 4 },
    });
    Object.assign(world.deps, { providers: new Map([['p', provider]]) });
    const hours = [24, 24, 24, 24, 24, 3, 3];
    await world.accept(hours.length, (index) => ({
      deadlineAtMs: world.clock.nowMs() + (hours[index] ?? 0) * HOUR_MS,
    }));
    await world.tick();
    const sizes = await rowCounts();
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(7);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
    const jobs = await world.stores.nativeJobs.unfinished();
    for (const { deadlineAtMs, rowCount } of jobs) {
      if (deadlineAtMs === world.clock.nowMs() + 3 * HOUR_MS) expect(rowCount).toBeLessThan(3);
    }
  });

  it('lets no more tokens wait at the provider than its queue takes', async () => {
    world = createNativeWorld({ deps: { queueTokensOf: () => 100 } });
    await world.accept(8);
    await world.tick();
    expect(await rowCounts()).toEqual([5]);
    await world.run();
    expect(world.published).toHaveLength(8);
    expect(world.simulator.stats().batches.created).toBe(2);
  });

  it('leaves to calls what has no room, where calls for it would take most of the time left', async () => {
    world = createNativeWorld({
      deps: { queueTokensOf: () => 100, callsMs: async () => 13 * HOUR_MS },
    });
    const deadlineAtMs = world.clock.nowMs() + 24 * HOUR_MS;
    await world.accept(8, (index) => (index === 7 ? {} : { lane: null, deadlineAtMs }));
    await world.tick();
    expect(await world.stores.work.backlog()).toMatchObject([
      { route: 'sync', requests: 2 },
      { route: 'native', requests: 6 },
    ]);
  });

  it('goes on with other models where one cannot be built', async () => {
    world = createNativeWorld();
    await world.accept(2);
    await world.accept(2, () => ({ model: 'broken' }));
    const settings = world.deps.models.get(world.model);
    if (settings === undefined) return expect.unreachable();
    const broken = { ...settings, name: 'broken' };
    Object.assign(world.deps, {
      models: new Map([
        ['broken', broken],
        [world.model, settings],
      ]),
      planRoute: ({ model }: { model: string }) => {
        if (model === 'broken') throw new Error('its body is gone');
        return 'native';
      },
    });
    expect(await world.tick()).toMatchObject({ built: 1, failed: 1 });
    expect(world.errors).toEqual(['Batch jobs could not be built']);
  });

  it('leaves to calls what its queue would not take if it were empty', async () => {
    world = createNativeWorld({ deps: { queueTokensOf: () => 100 } });
    await world.accept(3, (index) => (index === 1 ? { inputTokens: 101 } : {}));
    await world.tick();
    expect(await rowCounts()).toEqual([2]);
    expect(await world.stores.work.backlog()).toMatchObject([
      { route: 'sync', requests: 1 },
      { route: 'native', requests: 2 },
    ]);
  });

  it('waits for more, on a grid of the clock, unless a job is full', async () => {
    world = createNativeWorld({ deps: { gatherMs: () => 300_000 } });
    await world.accept(3);
    await world.tick();
    expect(await rowCounts()).toEqual([]);
    world.clock.now += 60_000;
    await world.accept(2);
    await world.tick();
    world.clock.now += 300_000;
    await world.tick();
    expect(await rowCounts()).toEqual([5]);
  });

  it('sends what came in bulk as soon as nothing follows', async () => {
    world = createNativeWorld({ deps: { gatherMs: () => 300_000 } });
    await world.accept(50);
    await world.tick();
    expect(await rowCounts()).toEqual([]);
    world.clock.now += 5_000;
    await world.tick();
    expect(await rowCounts()).toEqual([50]);
    await world.accept(2, () => ({ batchId: 'batch_1' }));
    world.clock.now += 5_000;
    await world.tick();
    expect((await rowCounts()).toSorted()).toEqual([2, 50]);
  });

  it('leaves to calls what has no time for a batch, and what no provider takes in one', async () => {
    world = createNativeWorld();
    await world.accept(2, (index) => ({
      lane: null,
      deadlineAtMs: world.clock.nowMs() + (index === 0 ? 60_000 : 24 * HOUR_MS),
    }));
    await world.tick();
    expect(await rowCounts()).toEqual([1]);
    expect(await world.stores.work.backlog()).toMatchObject([
      { route: 'sync', requests: 1 },
      { route: 'native', requests: 1 },
    ]);
  });

  it('leaves to calls what shares an opening that they read for less than half the price', async () => {
    const price = (cachedInput: number) =>
      modelPrice({ input: 250_000, output: 2_000_000, cachedInput, nativePerMille: 500 });
    const tokens = { inputTokens: 2_500, maxOutputTokens: 20, lane: null };
    const opening = 'A contract that all questions are about. '.repeat(250);
    const ask = (world: NativeWorld, terms: { lane: 'native' | null }) =>
      world.accept(
        20,
        () => ({ ...tokens, ...terms, deadlineAtMs: world.clock.nowMs() + 24 * HOUR_MS }),
        (id) => ({ model: world.model, messages: [{ role: 'user', content: opening + id }] }),
      );
    world = createNativeWorld({ price: price(25_000) });
    await ask(world, { lane: null });
    await ask(world, { lane: 'native' });
    await world.tick();
    expect(await rowCounts()).toEqual([20]);
    expect(await world.stores.work.backlog()).toMatchObject([
      { route: 'sync', requests: 20 },
      { route: 'native', requests: 20 },
    ]);
    world.close();
    world = createNativeWorld({
      price: price(25_000),
      deps: { callsMs: async () => 13 * HOUR_MS },
    });
    await ask(world, { lane: null });
    await world.tick();
    expect(await rowCounts()).toEqual([20]);
    world.close();
    world = createNativeWorld({ price: price(125_000) });
    await ask(world, { lane: null });
    await world.tick();
    expect(await rowCounts()).toEqual([20]);
  });

  it('takes along nothing that another owner has by the time the job stands', async () => {
    world = createNativeWorld();
    await world.accept(3);
    const { work } = world.stores;
    const extend = work.extend.bind(work);
    let isFirst = true;
    work.extend = async (refs, expiresAtMs) => {
      if (isFirst) {
        isFirst = false;
        const [taken] = refs;
        const again = { attempts: 0, firstAttemptAtMs: null, notBeforeMs: 0 };
        if (taken) await work.defer([{ ...again, ...taken, route: 'sync' }]);
      }
      return extend(refs, expiresAtMs);
    };
    await world.tick();
    expect(await rowCounts()).toEqual([2]);
    await world.run();
    expect(world.published.map(({ id }) => id).sort()).toEqual(['r2', 'r3']);
  });
});

describe('cancelling a job', () => {
  const cancel = async (): Promise<boolean> => {
    const [job] = await world.stores.nativeJobs.unfinished();
    return createCancelNativeJob({ jobs: world.stores.nativeJobs, clock: world.clock })(
      job?.id ?? '',
    );
  };

  it('keeps what was answered, and runs the rest by calls once the batch has ended', async () => {
    world = createNativeWorld({
      simulator: { batches: { turnaround: { minMs: HOUR_MS, maxMs: HOUR_MS } } },
    });
    await world.accept(10);
    await world.tick();
    world.clock.now += HOUR_MS / 2;
    expect(await cancel()).toBe(true);
    await world.run();
    const [job] = world.settled;
    expect(job?.end).toBe('cancelled');
    const [left] = await world.stores.work.backlog();
    expect(left?.route).toBe('sync');
    expect(world.published.length + (left?.requests ?? 0)).toBe(10);
    expect(await cancel()).toBe(false);
  });

  it('before there is a batch makes none', async () => {
    world = createNativeWorld();
    await world.accept(4);
    const failed = {
      kind: 'failed',
      code: 'provider_overloaded',
      message: 'later',
      isAmbiguous: false,
      retryAfterMs: null,
      faults: [],
    } as const;
    const { upload } = world.provider;
    world.provider.upload = async () => failed;
    await world.tick();
    expect(await cancel()).toBe(true);
    world.provider.upload = upload;
    await world.run();
    expect(world.simulator.stats().batches.created).toBe(0);
    expect(await world.stores.work.backlog()).toMatchObject([{ route: 'sync', requests: 4 }]);
  });
});
