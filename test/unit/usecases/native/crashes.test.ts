import { describe, expect, it } from 'vitest';
import { modelPrice } from '../../../../shared/domain/cost/pricing.ts';
import { isOpenJob } from '../../../../shared/domain/native/native-job.ts';
import type {
  NativeBatchFailure,
  NativeBatchProvider,
} from '../../../../shared/ports/native-batch-provider.ts';
import { createTickNative } from '../../../../shared/usecases/native/tick-native.ts';
import type { BatchDialect } from '../../../support/in-process-batches.ts';
import {
  bodyOf,
  createNativeWorld,
  type NativeWorld,
  NEVER,
} from '../../../support/native-world.ts';

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
  /**
   * Whoever comes next has the state to himself and takes up at once what the dead one held, as on
   * one machine; else its claim lapses first, as on AWS.
   */
  readonly isTakenUpAtOnce?: boolean;
  /** The rows share an opening that pays: one of them is run ahead. */
  readonly isPrimed?: boolean;
  /** The answer to this call of the provider is lost on its way, counted over all processes. */
  readonly lostAnswer?: number;
}

/** A system prompt that pays to be cached for three rows, at a hundred times the price. */
const OPENING = 'Answer as a clerk of the town hall would. '.repeat(300);
const DEAR = modelPrice({
  input: 300_000_000,
  output: 1_500_000_000,
  cachedInput: 30_000_000,
  cacheWrite1h: 600_000_000,
});

interface Played {
  /** How many calls each process made. */
  readonly calls: readonly number[];
  /** Looks at the list that did not show the batch there was. */
  readonly early: number;
}

/** Runs to the end, and judges. */
async function play(schedule: Schedule): Promise<Played> {
  const { dialect, lagMs, crashes, isPrimed = false } = schedule;
  const world = createNativeWorld({
    dialect,
    ...(isPrimed ? { model: 'claude-sonnet-4-5', price: DEAR } : {}),
    simulator: {
      batches: {
        turnaround: { minMs: TURNAROUND_MS, maxMs: TURNAROUND_MS },
        lag: { listMs: lagMs },
      },
    },
  });
  try {
    if (isPrimed) {
      const bodyAt = (id: string) => ({ ...bodyOf(world.model, id), system: OPENING });
      await world.accept(ROWS, () => ({ inputTokens: 3_000 }), bodyAt);
    } else {
      await world.accept(ROWS);
    }
    const commits: string[] = [];
    const looks = { early: 0 };
    const lossy = losing(world, looks, schedule.lostAnswer);
    const calls: number[] = [];
    for (const crash of [...crashes, null]) {
      const process = new Process(crash);
      const isOver = await live(world, process, lossy, commits);
      calls.push(process.calls);
      if (isOver) break;
      world.clock.now += 1_000;
      if (schedule.isTakenUpAtOnce === true) await takeUp(world);
    }
    await judge(world, schedule, commits);
    return { calls, early: looks.early };
  } finally {
    await world.close();
  }
}

/** What one machine does when it starts anew. */
async function takeUp({ deps, stores, clock }: NativeWorld): Promise<void> {
  const open = (await deps.jobs.unfinished()).filter(isOpenJob);
  for (const job of open) {
    if (job.isClaimed) await deps.jobs.update({ ...job, isClaimed: false, dueAtMs: clock.now });
  }
  await stores.work.releaseOwnersExcept(...open.map(({ leaseOwner }) => leaseOwner));
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
function losing(
  { provider, simulator }: NativeWorld,
  looks: { early: number },
  nth: number | undefined,
): NativeBatchProvider {
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
    async *list(...args) {
      let shown = 0;
      for await (const page of provider.list(...args)) {
        if (page.kind === 'done') shown += page.value.length;
        yield page;
      }
      if (shown < simulator.stats().batches.created) looks.early += 1;
    },
    rows: (...args) => provider.rows(...args),
    deleteFiles: (...args) => once(provider.deleteFiles(...args)),
    close: () => provider.close(),
  };
}

async function judge(world: NativeWorld, schedule: Schedule, commits: readonly string[]) {
  const { batches, files } = world.simulator.stats();
  const { requests, work } = world.stores;
  const uploadsLost = schedule.crashes.length + (schedule.lostAnswer === undefined ? 0 : 1);
  const { isPrimed = false, crashes } = schedule;
  // A stub and the rest; another stub where a process died between the two records.
  const most = isPrimed ? 2 + crashes.length : 1;
  const found = {
    hasTooManyBatches: batches.created > most || batches.duplicateBatches > 0,
    orphans: batches.orphans,
    billed: batches.rows.billed,
    published: [...commits].sort(),
    succeeded: (await requests.counts('t')).succeeded,
    backlog: await work.backlog(),
    hasManyStrayFiles: files.orphans.inputs > uploadsLost,
    strayResults: files.orphans.results,
  };
  expect(found, JSON.stringify(schedule)).toEqual({
    hasTooManyBatches: false,
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
      // A claim that lapses outlasts any lag: who takes over at once meets lists that are behind.
      const common = { dialect, lagMs, isTakenUpAtOnce: lagMs > 0 };
      const [calls = 0] = (await play({ ...common, crashes: [] })).calls;
      expect(calls).toBeGreaterThan(30);
      let schedules = 1;
      let early = 0;
      const run = async (more: Partial<Schedule> & Pick<Schedule, 'crashes'>) => {
        const played = await play({ ...common, ...more });
        schedules += 1;
        early += played.early;
        return played.calls;
      };
      for (let first = 1; first <= calls; first += 1) {
        for (const when of WHEN) {
          const crashes = [{ call: first, when }];
          await run({ crashes, isTakenUpAtOnce: !common.isTakenUpAtOnce });
          if (when === 'before') await run({ crashes });
        }
        // What comes before a call is, to whoever comes next, what came after the one before it.
        const one: Crash = { call: first, when: 'after' };
        const [, rest = 0] = await run({ crashes: [one] });
        for (let call = 1; call <= rest; call += 1) {
          await run({ crashes: [one, { call, when: 'after' }] });
        }
      }
      if (lagMs > 0) expect(early).toBeGreaterThan(0);
      console.info(
        `${dialect}, lists ${lagMs} ms behind: ${schedules} schedules, all well; ${early} looks at a list that did not show the batch yet`,
      );
    },
    300_000,
  );

  it.each(LAGS_MS)(
    'after an answer was lost, with lists %i ms behind',
    async (lagMs) => {
      let schedules = 0;
      for (let lostAnswer = 1; lostAnswer <= 6; lostAnswer += 1) {
        const [calls = 0] = (await play({ dialect, lagMs, crashes: [], lostAnswer })).calls;
        for (let call = 1; call <= calls; call += 1) {
          const isTakenUpAtOnce = call % 2 === 0;
          const crashes = [{ call, when: 'after' as const }];
          await play({ dialect, lagMs, crashes, isTakenUpAtOnce, lostAnswer });
          schedules += 1;
        }
      }
      expect(schedules).toBeGreaterThan(200);
      console.info(
        `${dialect}, lists ${lagMs} ms behind: ${schedules} schedules with a lost answer`,
      );
    },
    300_000,
  );
});

it.each(LAGS_MS)(
  'a builder and poller that runs a row ahead dies anywhere, with lists %i ms behind',
  async (lagMs) => {
    const common = { dialect: 'anthropic', lagMs, isPrimed: true } as const;
    const [calls = 0] = (await play({ ...common, crashes: [] })).calls;
    let schedules = 1;
    for (let call = 1; call <= calls; call += 1) {
      for (const isTakenUpAtOnce of [false, true]) {
        await play({ ...common, crashes: [{ call, when: 'after' }], isTakenUpAtOnce });
        schedules += 1;
      }
    }
    expect(schedules).toBeGreaterThan(60);
    console.info(`a row ahead, lists ${lagMs} ms behind: ${schedules} schedules, all well`);
  },
  300_000,
);
