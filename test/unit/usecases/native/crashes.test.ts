import { describe, expect, it } from 'vitest';
import type {
  NativeBatchFailure,
  NativeBatchProvider,
} from '../../../../shared/ports/native-batch-provider.ts';
import { createTickNative } from '../../../../shared/usecases/native/tick-native.ts';
import type { BatchDialect } from '../../../support/in-process-batches.ts';
import { createNativeWorld, type NativeWorld, NEVER } from '../../../support/native-world.ts';

const ROWS = 3;
/** Longer than lists lag and than a create is waited for, so that a suspect is met while it runs. */
const TURNAROUND_MS = 900_000;
/** Between two ticks at least: what a poll more would show is the same. */
const TICK_MS = 450_000;
const LAGS_MS = [0, 30_000, 300_000];
const DIALECTS: readonly BatchDialect[] = ['openai', 'anthropic'];

/** Where a process dies: right before its nth call of a port, or right after what the call does. */
interface Crash {
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** A process: it dies where it is told, and then neither does nor learns anything any more. */
class Process {
  calls = 0;
  readonly death: Promise<'died'>;
  private readonly crash: Crash | null;
  private readonly die: () => void;
  private isDead = false;

  constructor(crash: Crash | null) {
    this.crash = crash;
    const { promise, resolve } = Promise.withResolvers<'died'>();
    this.death = promise;
    this.die = () => {
      this.isDead = true;
      resolve('died');
    };
  }

  guard<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (_, name) => {
        const member: unknown = Reflect.get(port, name, port);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => this.run(() => Reflect.apply(member, port, args));
      },
    });
  }

  private run(act: () => unknown): unknown {
    if (this.isDead) return FOREVER;
    this.calls += 1;
    const isHere = this.crash?.call === this.calls;
    if (isHere && this.crash?.when === 'before') {
      this.die();
      return asEither(FOREVER);
    }
    const outcome = act();
    if (isAsyncIterable(outcome)) return this.guardItems(outcome, isHere);
    return Promise.resolve(outcome).then((value) => {
      if (isHere) this.die();
      return this.isDead ? FOREVER : value;
    });
  }

  private async *guardItems(items: AsyncIterable<unknown>, isHere: boolean) {
    for await (const item of items) {
      if (isHere) this.die();
      if (this.isDead) await FOREVER;
      yield item;
    }
    if (isHere) this.die();
    if (this.isDead) await FOREVER;
  }
}

const FOREVER = new Promise<never>(() => undefined);

/** Of a call that gives items as of one that gives a promise, nothing comes any more. */
function asEither(never: Promise<never>): unknown {
  return Object.assign(never, {
    [Symbol.asyncIterator]: () => ({ next: () => never }),
  });
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

interface Schedule {
  readonly dialect: BatchDialect;
  readonly lagMs: number;
  readonly crashes: readonly Crash[];
  /** The answer to this call of the provider is lost on its way, counted over all processes. */
  readonly lostAnswer?: number;
}

/** Runs to the end; returns how many calls each process made. */
async function play(schedule: Schedule): Promise<number[]> {
  const { dialect, lagMs, crashes } = schedule;
  const world = createNativeWorld({
    dialect,
    simulator: {
      batches: {
        turnaround: { minMs: TURNAROUND_MS, maxMs: TURNAROUND_MS },
        lag: { listMs: lagMs },
      },
    },
  });
  try {
    await world.accept(ROWS);
    const commits: string[] = [];
    const lossy = losing(world.provider, schedule.lostAnswer);
    const calls: number[] = [];
    for (const crash of [...crashes, null]) {
      const process = new Process(crash);
      const isOver = await live(world, process, lossy, commits);
      calls.push(process.calls);
      if (isOver) break;
      world.clock.now += 1_000;
    }
    await judge(world, schedule, commits);
    return calls;
  } finally {
    await world.close();
  }
}

/** One process, until it dies (false) or nothing is left to do (true). */
async function live(
  world: NativeWorld,
  process: Process,
  provider: NativeBatchProvider,
  commits: string[],
): Promise<boolean> {
  const { deps, stores } = world;
  const work = process.guard({
    lease: (query) => stores.work.lease(query),
    async commit(outcomes) {
      const flags = await stores.work.commit(outcomes);
      commits.push(...outcomes.filter((_, index) => flags[index]).map(({ id }) => id));
      return flags;
    },
    defer: (requests) => stores.work.defer(requests),
    extend: (requests, expiresAtMs) => stores.work.extend(requests, expiresAtMs),
    backlog: () => stores.work.backlog(),
    withdrawn: (refs) => stores.work.withdrawn(refs),
  } satisfies typeof deps.work);
  const tick = createTickNative({
    ...deps,
    work,
    jobs: process.guard(deps.jobs),
    payloads: process.guard(deps.payloads),
    results: process.guard(deps.results),
    providers: new Map([['p', process.guard(provider)]]),
  });
  for (let step = 0; step < 1_000; step += 1) {
    const terms = { deadlineMs: Number.POSITIVE_INFINITY, signal: NEVER };
    if ((await Promise.race([tick(terms), process.death])) === 'died') return false;
    const next = await world.nextDueMs();
    if (next === null) return true;
    world.clock.now = Math.max(world.clock.now + TICK_MS, next);
  }
  throw new Error('The lane does not come to rest');
}

/** Loses one answer: what was asked is done, and nobody hears of it. */
function losing(provider: NativeBatchProvider, nth: number | undefined): NativeBatchProvider {
  let calls = 0;
  const lost: NativeBatchFailure = {
    kind: 'failed',
    code: 'provider_unreachable',
    message: 'the connection broke off',
    isAmbiguous: true,
    retryAfterMs: null,
    faults: [],
  };
  const once = async <Value>(answer: Promise<Value>): Promise<Value | NativeBatchFailure> => {
    calls += 1;
    const isLost = calls === nth;
    const value = await answer;
    return isLost ? lost : value;
  };
  return {
    name: provider.name,
    limits: provider.limits,
    upload: (...args) => once(provider.upload(...args)),
    create: (...args) => once(provider.create(...args)),
    get: (...args) => once(provider.get(...args)),
    cancel: (...args) => once(provider.cancel(...args)),
    list: (...args) => provider.list(...args),
    rows: (...args) => provider.rows(...args),
    deleteFiles: (...args) => once(provider.deleteFiles(...args)),
    close: () => provider.close(),
  };
}

async function judge(world: NativeWorld, schedule: Schedule, commits: readonly string[]) {
  const { batches, files } = world.simulator.stats();
  const { requests, work } = world.stores;
  const uploadsLost = schedule.crashes.length + (schedule.lostAnswer === undefined ? 0 : 1);
  const found = {
    batches: batches.created,
    orphans: batches.orphans,
    billed: batches.rows.billed,
    published: [...commits].sort(),
    succeeded: (await requests.counts('t')).succeeded,
    backlog: await work.backlog(),
    hasManyStrayFiles: files.orphans.inputs > uploadsLost,
    strayResults: files.orphans.results,
  };
  expect(found, JSON.stringify(schedule)).toEqual({
    batches: 1,
    orphans: 0,
    billed: ROWS,
    published: ['r1', 'r2', 'r3'],
    succeeded: ROWS,
    backlog: [],
    hasManyStrayFiles: false,
    strayResults: 0,
  });
}

const WHEN = ['before', 'after'] as const;

describe.each(DIALECTS)('a builder and poller of %s batches that dies', (dialect) => {
  it.each(LAGS_MS)(
    'anywhere, once and twice, with lists %i ms behind',
    async (lagMs) => {
      const [calls = 0] = await play({ dialect, lagMs, crashes: [] });
      expect(calls).toBeGreaterThan(30);
      let schedules = 1;
      for (let first = 1; first <= calls; first += 1) {
        for (const when of WHEN) {
          await play({ dialect, lagMs, crashes: [{ call: first, when }] });
          schedules += 1;
        }
        // What comes before a call is, to whoever comes next, what came after the one before it.
        const one: Crash = { call: first, when: 'after' };
        const [, rest = 0] = await play({ dialect, lagMs, crashes: [one] });
        for (let call = 1; call <= rest; call += 1) {
          await play({ dialect, lagMs, crashes: [one, { call, when: 'after' }] });
          schedules += 1;
        }
      }
      console.info(`${dialect}, lists ${lagMs} ms behind: ${schedules} schedules, all well`);
    },
    300_000,
  );

  it.each(LAGS_MS)(
    'after an answer was lost, with lists %i ms behind',
    async (lagMs) => {
      let schedules = 0;
      for (let lostAnswer = 1; lostAnswer <= 6; lostAnswer += 1) {
        const [calls = 0] = await play({ dialect, lagMs, crashes: [], lostAnswer });
        for (let call = 1; call <= calls; call += 1) {
          await play({ dialect, lagMs, crashes: [{ call, when: 'after' }], lostAnswer });
          schedules += 1;
        }
      }
      console.info(
        `${dialect}, lists ${lagMs} ms behind: ${schedules} schedules with a lost answer`,
      );
    },
    300_000,
  );
});
