import { afterEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../../shared/domain/errors.ts';
import type {
  NativeBatchFailure,
  NativeBatchProvider,
} from '../../../../shared/ports/native-batch-provider.ts';
import { createCancelNativeJob } from '../../../../shared/usecases/native/cancel-native-job.ts';
import type { TickReport } from '../../../../shared/usecases/native/native-deps.ts';
import { createTickNative } from '../../../../shared/usecases/native/tick-native.ts';
import { createNativeWorld, type NativeWorld, NEVER } from '../../../support/native-world.ts';

const ROWS = 20;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const TURNAROUND = { turnaround: { minMs: 600_000, maxMs: 600_000 } };

let world: NativeWorld;
afterEach(() => world.close());

function failed(code: ErrorCode, more: Partial<NativeBatchFailure> = {}): NativeBatchFailure {
  const common = { isAmbiguous: false, retryAfterMs: null, faults: [] } as const;
  return { kind: 'failed', code, message: `told: ${code}`, ...common, ...more };
}

/** Has the provider answer these calls in another way. */
function change(differences: Partial<NativeBatchProvider>): NativeBatchProvider {
  const real = world.provider;
  const provider: NativeBatchProvider = Object.assign(Object.create(real), differences);
  Object.assign(world.deps, { providers: new Map([['p', provider]]) });
  return real;
}

const waiting = async (route: 'sync' | 'native'): Promise<number> =>
  (await world.stores.work.backlog()).find((row) => row.route === route)?.requests ?? 0;

describe('rows that cannot be sent as they are', () => {
  const largerThan = (most: number, answer: () => NativeBatchFailure) => {
    const real = change({
      upload: async (input, signal) =>
        input.rowCount > most ? answer() : real.upload(input, signal),
    });
  };

  it('go in halves where their batch is too large', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    largerThan(ROWS / 2, () => failed('payload_too_large'));
    await world.accept(ROWS);
    await world.run();
    expect(world.published).toHaveLength(ROWS);
    expect(world.settled.map(({ rowCount }) => rowCount)).toEqual([ROWS, ROWS / 2, ROWS / 2]);
    expect(await world.stores.work.backlog()).toEqual([]);
  });

  it('go in halves where sending them takes longer than there is time', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    largerThan(ROWS / 4, () => {
      world.clock.now += 3 * MINUTE_MS;
      return failed('provider_timeout');
    });
    await world.accept(ROWS);
    await world.run();
    expect(world.published).toHaveLength(ROWS);
    expect(world.simulator.stats().batches.created).toBe(4);
  });

  it('are sent again whole where the provider only did not answer', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    let calls = 0;
    const real = change({
      async upload(input, signal) {
        calls += 1;
        return calls < 4 ? failed('provider_timeout') : real.upload(input, signal);
      },
    });
    await world.accept(ROWS);
    await world.run();
    expect(world.settled).toMatchObject([{ rowCount: ROWS, end: 'completed' }]);
  });

  it('are called where the provider takes not even one', async () => {
    world = createNativeWorld();
    largerThan(0, () => failed('payload_too_large'));
    await world.accept(4);
    await world.run();
    expect(await waiting('sync')).toBe(4);
  });

  it('are uploaded once more where the file is gone, and then called', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    let calls = 0;
    const real = change({
      async create(...args) {
        calls += 1;
        return calls === 1 ? failed('not_found') : real.create(...args);
      },
    });
    await world.accept(ROWS);
    await world.run();
    expect(world.published).toHaveLength(ROWS);
    expect(world.simulator.stats().batches.created).toBe(1);

    change({ create: async () => failed('not_found') });
    await world.accept(ROWS);
    await world.run();
    expect(await waiting('sync')).toBe(ROWS);
  });

  it('wait where the create says that the queue is full', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    let calls = 0;
    const message = 'Enqueued token limit reached for gpt-4o-mini';
    const real = change({
      async create(...args) {
        calls += 1;
        return calls < 3 ? failed('provider_rejected', { message }) : real.create(...args);
      },
    });
    await world.accept(ROWS);
    await world.run();
    expect(world.published).toHaveLength(ROWS);
    expect(await waiting('sync')).toBe(0);
  });
});

describe.each(['openai', 'anthropic'] as const)('a wish to cancel a batch of %s', (dialect) => {
  it('that comes in while it is created does not lose its name', async () => {
    const turnaround = { minMs: 10 * HOUR_MS, maxMs: 10 * HOUR_MS };
    world = createNativeWorld({ dialect, simulator: { batches: { turnaround } } });
    const real = change({
      async create(input, fileId, signal) {
        const created = await real.create(input, fileId, signal);
        expect(await createCancelNativeJob(world.deps)(input.jobId)).toBe(true);
        return created;
      },
    });
    await world.accept(ROWS);
    const startedAtMs = world.clock.now;
    await world.run();
    expect(world.settled).toMatchObject([{ end: 'cancelled' }]);
    expect(world.clock.now - startedAtMs).toBeLessThan(HOUR_MS);
    expect(world.simulator.stats().batches).toMatchObject({ created: 1, orphans: 0 });
  });
});

it('a batch that took minutes to send is looked for as long after them as lists are behind', async () => {
  const batches = { ...TURNAROUND, lag: { listMs: 300_000 } };
  world = createNativeWorld({ dialect: 'anthropic', simulator: { batches } });
  let isFirst = true;
  const real = change({
    async create(...args) {
      if (!isFirst) return real.create(...args);
      isFirst = false;
      world.clock.now += 590_000;
      await real.create(...args);
      return failed('provider_timeout', { isAmbiguous: true });
    },
  });
  await world.accept(ROWS);
  await world.run();
  expect(world.published).toHaveLength(ROWS);
  expect(world.simulator.stats().batches).toMatchObject({ created: 1, orphans: 0 });
});

describe('results that the provider does not give out', () => {
  /** Ends a batch, whose outputs cannot be read until then; returns what ticks told. */
  async function untilRead(code: ErrorCode, readableAfterMs: number, deadlineAtMs: number | null) {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    const readableAtMs = world.clock.now + readableAfterMs;
    const real = change({
      async *rows(...args) {
        if (world.clock.now < readableAtMs) yield failed(code);
        else yield* real.rows(...args);
      },
    });
    await world.accept(ROWS, () => (deadlineAtMs === null ? {} : { lane: null, deadlineAtMs }));
    const stops: TickReport['stops'] = [];
    for (;;) {
      const report = await world.tick();
      stops.push(...report.stops);
      const next = await world.nextDueMs();
      if (next === null) return stops;
      world.clock.now = Math.max(world.clock.now + 1, next);
    }
  }

  it.each(['provider_error', 'provider_throttled', 'provider_unreachable'] as const)(
    'for %s are waited for: they are paid',
    async (code) => {
      const deadlineAtMs = 1_795_514_400_000 + 24 * HOUR_MS;
      expect(await untilRead(code, 3 * HOUR_MS, deadlineAtMs)).toEqual([]);
      expect(world.published).toHaveLength(ROWS);
    },
  );

  it('for a refused key are waited for until somebody has acted', async () => {
    const stops = await untilRead('provider_auth_failed', 49 * HOUR_MS, null);
    expect(new Set(stops.map(({ code }) => code))).toEqual(new Set(['provider_auth_failed']));
    expect(world.published).toHaveLength(ROWS);
  });

  it('are given up in time for calls before the deadline', async () => {
    const deadlineAtMs = 1_795_514_400_000 + 4 * HOUR_MS;
    await untilRead('provider_error', 10 * HOUR_MS, deadlineAtMs);
    expect(await waiting('sync')).toBe(ROWS);
    expect(world.clock.now).toBeLessThan(deadlineAtMs - HOUR_MS);
    expect(world.errors).toEqual(['Results of a batch are missing; their rows are run again']);
  });
});

it('a completed batch that names no outputs is looked at once more', async () => {
  world = createNativeWorld({ simulator: { batches: TURNAROUND } });
  let isNamed = false;
  const real = change({
    async get(...args) {
      const looked = await real.get(...args);
      if (looked.kind === 'failed' || looked.value.end === null || isNamed) return looked;
      isNamed = true;
      return { ...looked, value: { ...looked.value, outputs: [] } };
    },
  });
  await world.accept(ROWS);
  await world.run();
  expect(world.published).toHaveLength(ROWS);
});

it('a file that a job went on without is deleted', async () => {
  world = createNativeWorld();
  const real = change({
    async upload(...args) {
      const uploaded = await real.upload(...args);
      const [job] = await world.stores.nativeJobs.unfinished();
      if (job === undefined) throw new Error('The job is gone');
      await world.stores.nativeJobs.update({ ...job, phase: 'done' });
      return uploaded;
    },
  });
  await world.accept(ROWS);
  await world.tick();
  expect(world.simulator.stats().files).toMatchObject({ stored: 0 });
});

describe('a batch of which nothing can be known', () => {
  it('is not given up for a key that is refused', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    await world.accept(ROWS);
    await world.tick();
    const refused = async () => failed('provider_auth_failed');
    change({ get: refused, cancel: refused });
    await world.runUntil(world.clock.now + 80 * HOUR_MS);
    expect(world.settled).toEqual([]);
    Object.assign(world.deps, { providers: new Map([['p', world.provider]]) });
    await world.run();
    expect(world.published).toHaveLength(ROWS);
  });

  it('is given up two days after a create without an answer, where there is no list', async () => {
    world = createNativeWorld();
    change({
      create: async () => failed('provider_error', { isAmbiguous: true }),
      async *list() {
        yield failed('unsupported_endpoint');
      },
    });
    await world.accept(ROWS);
    await world.run(2_000);
    expect(world.settled).toMatchObject([{ end: 'lost' }]);
    expect(await waiting('sync')).toBe(ROWS);
  });
});

describe('a job whose provider is not there', () => {
  const tickWithout = (unusable: readonly string[]) =>
    createTickNative({ ...world.deps, providers: new Map(), unusable: new Set(unusable) })({
      deadlineMs: Number.POSITIVE_INFINITY,
      signal: NEVER,
    });

  it('says whether it is the key or the configuration', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    await world.accept(ROWS);
    await world.tick();
    world.clock.now += HOUR_MS;
    expect((await tickWithout(['p'])).stops).toMatchObject([
      { code: 'provider_auth_failed', message: expect.stringContaining('its key cannot be had') },
    ]);
    world.clock.now += HOUR_MS;
    expect((await tickWithout([])).stops).toMatchObject([
      { code: 'unknown_model', message: expect.stringContaining('no longer names it') },
    ]);
    await world.run();
    expect(world.published).toHaveLength(ROWS);
  });

  it('holds nobody up once its rows have ended, and is forgotten a week later', async () => {
    world = createNativeWorld({
      simulator: { batches: TURNAROUND },
      deps: { keepFilesMs: HOUR_MS },
    });
    await world.accept(ROWS);
    await world.runUntil(world.clock.now + HOUR_MS);
    expect(world.settled).toHaveLength(1);
    world.clock.now += HOUR_MS;
    expect((await tickWithout([])).stops).toEqual([]);
    world.clock.now += 8 * 24 * HOUR_MS;
    await tickWithout([]);
    expect(await world.stores.nativeJobs.unfinished()).toEqual([]);
  });
});
