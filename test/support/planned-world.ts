/**
 * Single requests with deadlines through the real engine in virtual time: planner, native tick and
 * dispatcher over SQLite in memory, a provider whose batches end when it is told, and its bills.
 */

import { openDatabase } from '../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../shared/adapters/sqlite/stores.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import { modelPrice } from '../../shared/domain/cost/pricing.ts';
import type { JobVerdict } from '../../shared/domain/lanes/judge-jobs.ts';
import type { Lane } from '../../shared/domain/lanes/lane.ts';
import { gatherMs } from '../../shared/domain/lanes/plan-lane.ts';
import type { NativeJob } from '../../shared/domain/native/native-job.ts';
import type { RequestOutcome, RequestSpec } from '../../shared/domain/requests/request.ts';
import type { NativeJobStore } from '../../shared/ports/native-job-store.ts';
import type { WorkStore } from '../../shared/ports/request-store.ts';
import type { PublishedResult } from '../../shared/usecases/dispatch-progress.ts';
import { createDispatcher, type Dispatcher } from '../../shared/usecases/dispatcher.ts';
import { createPlannedTick } from '../../shared/usecases/native/planned-tick.ts';
import { createPlanner, type Planner } from '../../shared/usecases/planning/planner.ts';
import { FakeClock } from './fake-clock.ts';
import { MemorySegments } from './memory-segments.ts';
import { createSeededRandom } from './seeded-random.ts';
import { type CallTimes, createTimedCalls } from './timed-calls.ts';
import { type BatchPlace, type BatchTimes, VirtualBatches } from './virtual-batches.ts';

export interface TimedRequest {
  /** From the start. Unit: ms. */
  readonly createdAtMs: number;
  /** The same; `null`: whenever. */
  readonly deadlineAtMs: number | null;
  readonly maxOutputTokens: number;
  /** @default the planner chooses */
  readonly lane?: Lane;
}

export interface PlannedWorldOptions {
  readonly requests: readonly TimedRequest[];
  readonly lanes: readonly Lane[];
  readonly batches: BatchTimes;
  readonly calls: CallTimes;
  /** Between two looks at the jobs, as by a rule of EventBridge. Unit: ms. */
  readonly tickMs: number;
  /** Until the sweeper has rung for what a job handed back. Unit: ms. @default 0 */
  readonly handOverMs?: number;
  readonly limits?: ModelSettings['limits'];
}

/** What became of one request. Instants from the start. Unit: ms. */
export interface PlannedRequest {
  readonly request: TimedRequest;
  readonly outcome: RequestOutcome;
  readonly finishedAtMs: number;
  /** What the provider billed for it, once for each answer it gave. */
  readonly bills: readonly Lane[];
  /** In the first batch that held it; `null` where none did. */
  readonly firstPlace: BatchPlace | null;
}

export interface PlannedResult {
  readonly requests: readonly PlannedRequest[];
  readonly jobs: readonly NativeJob[];
  readonly calls: { readonly live: number; readonly flex: number; readonly flexRefused: number };
  /** Batches whose end was asked for. */
  readonly cancelled: { readonly late: number; readonly slow: number };
  /** How often each sentence was logged. */
  readonly logged: ReadonlyMap<string, number>;
}

const MODEL = 'm';
const PROVIDER = 'virtual';
const TENANT = 't';
const INPUT_TOKENS = 100;
const START_MS = 1_700_000_000_000;
/** Ten thousand requests at once are accepted, and leased, in so many slices. */
const TURNS_TO_SETTLE = 24;

/** Runs until every request has an outcome and every batch has ended. */
export async function runPlanned(options: PlannedWorldOptions): Promise<PlannedResult> {
  const database = openDatabase(':memory:');
  try {
    const clock = new FakeClock(START_MS, TURNS_TO_SETTLE);
    return await clock.runUntil(new PlannedWorld(options, clock, database).run());
  } finally {
    database.close();
  }
}

class PlannedWorld {
  private readonly options: PlannedWorldOptions;
  private readonly clock: FakeClock;
  private readonly startMs: number;
  private readonly stores: ReturnType<typeof createSqliteStores>;
  private readonly segments = new MemorySegments();
  private readonly random = createSeededRandom(7);
  private readonly models: ReadonlyMap<string, ModelSettings>;
  private readonly planner: Planner;
  private readonly cancelled = { late: 0, slow: 0 };
  private readonly batches: VirtualBatches;
  private readonly outcomes = new Map<string, RequestOutcome>();
  private readonly jobs: NativeJob[] = [];
  private readonly logged = new Map<string, number>();
  private readonly calls: ReturnType<typeof createTimedCalls>;
  private dispatcher: Dispatcher | null = null;
  private windows: Promise<void> = Promise.resolve();
  private hasMore = false;

  constructor(
    options: PlannedWorldOptions,
    clock: FakeClock,
    database: ReturnType<typeof openDatabase>,
  ) {
    this.options = options;
    this.clock = clock;
    this.startMs = clock.nowMs();
    this.stores = createSqliteStores(database);
    const settings: ModelSettings = {
      name: MODEL,
      provider: PROVIDER,
      providerModel: MODEL,
      charging: 'at_admission',
      limits: options.limits ?? { perMinute: {} },
      lanes: options.lanes,
      price: modelPrice({ input: 1e6, output: 4e6, flexPerMille: 500, nativePerMille: 500 }),
      contextWindow: null,
      maxOutputTokens: null,
    };
    this.models = new Map([[MODEL, settings]]);
    this.batches = new VirtualBatches(PROVIDER, clock, options.batches);
    this.calls = createTimedCalls(PROVIDER, clock, options.calls);
    const planner = createPlanner({
      ...this.stores,
      models: this.models,
      clock,
      random: this.random,
      tickMs: options.tickMs,
      handOverMs: options.handOverMs ?? 0,
    });
    this.planner = {
      ...planner,
      judge: async (name, jobs) => this.counted(await planner.judge(name, jobs)),
    };
  }

  async run(): Promise<PlannedResult> {
    const arriving = this.arrive();
    await this.tick(arriving);
    await arriving;
    await this.windows;
    return this.result();
  }

  /** Accepts each request when it is made, as a submission does. */
  private async arrive(): Promise<void> {
    const groups = Map.groupBy(this.options.requests.entries(), ([, request]) =>
      Math.ceil(request.createdAtMs),
    );
    for (const atMs of [...groups.keys()].sort((a, b) => a - b)) {
      await this.clock.sleep(this.startMs + atMs - this.clock.nowMs());
      const rule = await this.planner.rule(MODEL);
      const specs: RequestSpec[] = [];
      for (const [index, request] of groups.get(atMs) ?? []) {
        const spec = await this.specOf(index, request);
        specs.push({ ...spec, route: rule(spec) });
      }
      await this.stores.requests.accept(specs);
      if (specs.some(({ route }) => route !== 'native')) this.dispatch();
    }
  }

  private async tick(arriving: Promise<void>): Promise<void> {
    const { clock, segments, stores } = this;
    let hasArrived = false;
    void arriving.then(() => {
      hasArrived = true;
    });
    const tick = createPlannedTick(
      {
        jobs: this.watched(stores.nativeJobs),
        work: stores.work,
        payloads: segments.payloads,
        results: segments.results,
        providers: new Map([[PROVIDER, this.batches]]),
        models: this.models,
        queueTokensOf: () => null,
        gatherMs,
        keepFilesMs: 0,
        clock,
        random: this.random,
        telemetry: this.telemetry,
        onPublished: this.onPublished,
      },
      this.planner,
    );
    const signal = new AbortController().signal;
    for (let nth = 0; ; nth += 1) {
      await clock.sleep(this.startMs + nth * this.options.tickMs - clock.nowMs());
      await tick({ deadlineMs: clock.nowMs() + this.options.tickMs, signal });
      if (await this.hasSync()) void this.sweep();
      const isOver = hasArrived && this.outcomes.size === this.options.requests.length;
      if (isOver && (await stores.nativeJobs.unfinished()).length === 0) return;
    }
  }

  private async sweep(): Promise<void> {
    await this.clock.sleep(this.options.handOverMs ?? 0);
    this.dispatch();
  }

  /** Calls are made in windows, as by a function that is rung when there is work. */
  private dispatch(): void {
    if (this.dispatcher !== null) {
      this.hasMore = true;
      this.dispatcher.wake();
      return;
    }
    const { clock, segments, stores } = this;
    const dispatcher = createDispatcher({
      work: onlySync(stores.work),
      payloads: segments.payloads,
      results: segments.results,
      capacity: stores.capacity,
      providers: new Map([[PROVIDER, this.calls.provider]]),
      models: this.models,
      clock,
      random: this.random,
      telemetry: this.telemetry,
      owner: this.random.id('worker_'),
      onPublished: this.onPublished,
    });
    this.dispatcher = dispatcher;
    this.hasMore = false;
    this.windows = dispatcher.run({ untilDrained: true }).then(() => {
      this.dispatcher = null;
      if (this.hasMore) this.dispatch();
    });
  }

  private counted(verdicts: Map<string, JobVerdict>): Map<string, JobVerdict> {
    for (const verdict of verdicts.values()) {
      if (verdict.kind === 'cancel') this.cancelled[verdict.reason] += 1;
    }
    return verdicts;
  }

  private watched(store: NativeJobStore): NativeJobStore {
    return {
      create: (job) => store.create(job),
      get: (id) => store.get(id),
      due: (nowMs, limit) => store.due(nowMs, limit),
      open: () => store.open(),
      unfinished: () => store.unfinished(),
      update: async (job) => {
        const isWritten = await store.update(job);
        if (isWritten && job.phase === 'done') this.jobs.push(job);
        return isWritten;
      },
    };
  }

  private async hasSync(): Promise<boolean> {
    return (await this.stores.work.backlog()).some(({ route }) => route === 'sync');
  }

  private readonly onPublished = (results: readonly PublishedResult[]): void => {
    for (const { outcome } of results) this.outcomes.set(outcome.id, outcome);
  };

  private readonly telemetry = {
    count: () => undefined,
    log: (_level: string, message: string) => {
      this.logged.set(message, (this.logged.get(message) ?? 0) + 1);
    },
  };

  private async specOf(index: number, request: TimedRequest): Promise<RequestSpec> {
    const id = `r${index}`;
    const { maxOutputTokens, lane = null, deadlineAtMs } = request;
    const dueAtMs = deadlineAtMs === null ? null : this.startMs + deadlineAtMs;
    const wire = { model: MODEL, id, max_tokens: maxOutputTokens, deadline_at_ms: dueAtMs };
    const line = Buffer.from(JSON.stringify(wire));
    const [body] = await this.segments.payloads.append(TENANT, [line]);
    if (body === undefined) throw new Error('nothing was appended');
    return {
      ...{ id, tenant: TENANT, customId: id, batchId: null, model: MODEL, lane, body, tags: [] },
      endpoint: '/v1/chat/completions',
      priority: 5,
      fingerprint: id,
      inputTokens: INPUT_TOKENS,
      maxOutputTokens,
      prefixKey: null,
      groupOrder: 0,
      createdAtMs: this.clock.nowMs(),
      deadlineAtMs: dueAtMs,
    };
  }

  private result(): PlannedResult {
    const { outcomes, calls, batches, startMs } = this;
    const requests = this.options.requests.map((request, index): PlannedRequest => {
      const id = `r${index}`;
      const outcome = outcomes.get(id);
      if (outcome === undefined) throw new Error(`${id} has no outcome`);
      const native = Array.from({ length: batches.billed.get(id) ?? 0 }, () => 'native' as const);
      return {
        request,
        outcome,
        finishedAtMs: outcome.finishedAtMs - startMs,
        bills: [...(calls.billed.get(id) ?? []), ...native],
        firstPlace: batches.firstPlaces.get(id) ?? null,
      };
    });
    return {
      requests,
      jobs: this.jobs,
      calls: calls.books,
      cancelled: this.cancelled,
      logged: this.logged,
    };
  }
}

/** The ledger without the other queue, so that a window ends when the calls have. */
function onlySync(work: WorkStore): WorkStore {
  return {
    lease: (query) => work.lease(query),
    commit: (outcomes) => work.commit(outcomes),
    defer: (requests) => work.defer(requests),
    extend: (requests, expiresAtMs) => work.extend(requests, expiresAtMs),
    withdrawn: (refs) => work.withdrawn(refs),
    backlog: async () => (await work.backlog()).filter(({ route }) => route === 'sync'),
  };
}
