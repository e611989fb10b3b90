import { afterEach, expect, it } from 'vitest';
import type { NativeJobPhase } from '../../../../shared/domain/native/native-job.ts';
import type {
  NativeBatchFailure,
  NativeBatchProvider,
} from '../../../../shared/ports/native-batch-provider.ts';
import { createCancelNativeJob } from '../../../../shared/usecases/native/cancel-native-job.ts';
import type { NativeDeps } from '../../../../shared/usecases/native/native-deps.ts';
import { createTickNative } from '../../../../shared/usecases/native/tick-native.ts';
import { createNativeWorld, type NativeWorld, NEVER } from '../../../support/native-world.ts';

const ROWS = 20;

let world: NativeWorld;
afterEach(() => world.close());

const down: NativeBatchFailure = {
  kind: 'failed',
  code: 'provider_unreachable',
  message: 'no answer',
  isAmbiguous: false,
  retryAfterMs: null,
  faults: [],
};

/** The provider, but for what is given. */
function changed(differences: Partial<NativeBatchProvider>): Partial<NativeDeps> {
  const provider: NativeBatchProvider = Object.assign(Object.create(world.provider), differences);
  return { providers: new Map([['p', provider]]) };
}

/** What keeps a job in a phase. */
const HELD_IN: Readonly<Record<string, () => Partial<NativeDeps>>> = {
  intent: () => ({
    work: new Proxy(world.stores.work, {
      get(store, name) {
        if (name === 'extend') return () => Promise.reject(new Error('the table is away'));
        const member: unknown = Reflect.get(store, name, store);
        return typeof member === 'function' ? member.bind(store) : member;
      },
    }),
  }),
  ready: () => changed({ upload: async () => down }),
  uploaded: () => changed({ create: async () => down }),
  trying: () =>
    changed({
      async create(...args) {
        await world.provider.create(...args);
        return { ...down, isAmbiguous: true };
      },
    }),
  submitted: () => ({}),
};

it.each(Object.keys(HELD_IN))('a job that is %s is cancelled', async (phase) => {
  const turnaround = { minMs: 36_000_000, maxMs: 36_000_000 };
  world = createNativeWorld({ simulator: { batches: { turnaround } } });
  await world.accept(ROWS);
  const tick = createTickNative({ ...world.deps, ...HELD_IN[phase]?.() });
  await tick({ deadlineMs: Number.POSITIVE_INFINITY, signal: NEVER });
  const [job] = await world.deps.jobs.unfinished();
  expect(job?.phase).toBe(phase satisfies string as NativeJobPhase);
  const cancelJob = createCancelNativeJob(world.deps);
  expect(await cancelJob(job?.id ?? '')).toBe(true);
  expect(await cancelJob(job?.id ?? '')).toBe(true);
  const startedAtMs = world.clock.now;
  await world.run();
  expect(await cancelJob(job?.id ?? '')).toBe(false);
  expect(world.clock.now - startedAtMs).toBeLessThan(1_200_000);
  const { succeeded } = await world.stores.requests.counts('t');
  const back = (await world.stores.work.backlog()).filter(({ route }) => route === 'sync');
  expect(succeeded + (back[0]?.requests ?? 0)).toBe(ROWS);
  const { batches, files } = world.simulator.stats();
  expect(batches).toMatchObject({
    orphans: 0,
    created: ['trying', 'submitted'].includes(phase) ? 1 : 0,
  });
  expect(files.stored).toBe(0);
});

it('results that are gone are told as an error, their rows run again, and the report says so', async () => {
  const script = [{ outcome: 'mixed' as const, rowKinds: ['http400' as const] }];
  world = createNativeWorld({ simulator: { batches: { script } } });
  await world.accept(ROWS);
  const logged: unknown[] = [];
  const tick = createTickNative({
    ...world.deps,
    telemetry: {
      count: () => undefined,
      log: (level, message, fields) => logged.push({ level, message, ...fields }),
    },
    ...changed({
      async get(id, signal) {
        const looked = await world.provider.get(id, signal);
        if (looked.kind === 'done' && looked.value.end !== null) {
          await world.provider.deleteFiles(looked.value.outputs.slice(0, 1), signal);
        }
        return looked;
      },
    }),
  });
  while (world.settled.length === 0) {
    await tick({ deadlineMs: Number.POSITIVE_INFINITY, signal: NEVER });
    world.clock.now = Math.max(world.clock.now + 1, (await world.nextDueMs()) ?? 0);
  }
  const [job] = world.settled;
  expect(job).toMatchObject({ end: 'completed' });
  expect(logged).toContainEqual({
    level: 'error',
    message: 'Results of a batch are missing; their rows are run again',
    job: job?.id,
    provider: 'p',
    code: 'not_found',
  });
  const report = JSON.parse(
    Buffer.from(world.segments.lines[job?.report?.offset ?? -1] ?? []).toString(),
  );
  expect(report.unread).toEqual([expect.stringContaining('output 0: not_found')]);
  const counts = await world.stores.requests.counts('t');
  const left = ROWS - counts.succeeded - counts.failed;
  const { retried, unfinished } = report.tally;
  expect(report.missing).toBeGreaterThan(0);
  expect(report.missing + retried + unfinished).toBe(left);
  expect(await world.stores.work.backlog()).toMatchObject([{ route: 'sync', requests: left }]);
});
