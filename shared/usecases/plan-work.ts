/** Which queue requests wait in, at acceptance and as time passes; what becomes of open jobs. */

import { bindingLimit } from '../domain/capacity/backlog-time.ts';
import { effectivePerMinute, openState } from '../domain/capacity/capacity-state.ts';
import type { ModelSettings } from '../domain/capacity/model-limits.ts';
import { DIMENSIONS } from '../domain/capacity/provider-outcome.ts';
import { estimateCostMicroUsd } from '../domain/cost/pricing.ts';
import { type JobStanding, type JobVerdict, judgeJobs } from '../domain/lanes/judge-jobs.ts';
import type { Lane } from '../domain/lanes/lane.ts';
import { type LaneDecision, type LaneOutlook, planLane } from '../domain/lanes/plan-lane.ts';
import {
  CANCEL_PRIOR,
  emptyHistogram,
  JOB_PRIOR,
  type ObservedDuration,
  observe,
  turnaroundFrom,
} from '../domain/lanes/turnaround.ts';
import type { LeasedRequest, RequestView, Route } from '../domain/requests/request.ts';
import { isTerminal } from '../domain/requests/request-state.ts';
import type { CapacityStore } from '../ports/capacity-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Backlog, WorkStore } from '../ports/request-store.ts';
import type { TurnaroundStore } from '../ports/turnaround-store.ts';
import type { Routable } from './native/plan-route.ts';

/** A native batch that has ended, as the planner learns from it. */
export interface EndedJob {
  readonly provider: string;
  readonly model: string;
  readonly submittedAtMs: number;
  /** When its end was asked for; `null` where it ended by itself. */
  readonly cancelledAtMs: number | null;
  readonly endedAtMs: number;
  /** False where it expired, or was cut short before it was done. */
  readonly isCompleted: boolean;
}

export interface Planner {
  /** What is known of a model now; `null` for one that is not configured. Kept for seconds. */
  outlook(model: string): Promise<LaneOutlook | null>;
  /** The plan of a request that is not in a job, as of now. */
  plan(request: Routable): Promise<LaneDecision>;
  /** The queue it should wait in. */
  route(request: Routable): Promise<Route>;
  /** The same for many requests of one model, by what is known now. */
  rule(model: string): Promise<(request: Routable) => Route>;
  /** What is planned for a request that has not ended; `null` once it has. */
  explain(view: RequestView): Promise<LaneDecision | null>;
  /** What to do with the open jobs of a model that are not being cancelled. */
  judge(model: string, jobs: readonly JobStanding[]): Promise<Map<string, JobVerdict>>;
  /** What a set of rows would take in the synchronous lane, at the limits. Unit: ms. */
  drainMs(model: string, rows: Omit<Backlog, 'model' | 'route' | 'nextDueAtMs'>): Promise<number>;
  /** The same, behind what waits already. */
  callsMs: Planner['drainMs'];
  /** When the batch of a model ends that was handed over then, as likely as not; `null`: nobody knows. */
  expectEndMs(model: string, submittedAtMs: number): Promise<number | null>;
  /** Learns from a job that has ended. */
  learn(job: EndedJob): Promise<void>;
  /** Moves requests with time to spare out of a long synchronous queue; how many it moved. */
  relieve(): Promise<number>;
}

export interface PlannerDeps {
  readonly work: WorkStore;
  readonly capacity: CapacityStore;
  readonly turnarounds: TurnaroundStore;
  readonly models: {
    get(name: string): ModelSettings | undefined;
    values(): Iterable<ModelSettings>;
  };
  readonly clock: Clock;
  readonly random: Random;
  /** Between two looks of the home at its jobs. Unit: ms. */
  readonly tickMs: number;
  /** Until a row that a job hands back has met a worker. Unit: ms. @default 0 */
  readonly handOverMs?: number;
  /** Whether the provider's queue of batches takes more rows. @default it always does */
  readonly hasNativeRoom?: (model: ModelSettings) => Promise<boolean>;
}

/** What is learnt changes with each job that ends, not with each request. Unit: ms. */
const OUTLOOK_AGE_MS = 5_000;

/** But for one in ten, batches are cancelled within what was seen; providers promise ten minutes. */
const CANCEL_SHARE = 0.9;
const LONGEST_CANCEL_MS = 600_000;

/** Queues that are worked off sooner are left as they are. Unit: ms. */
const LONG_QUEUE_MS = 10 * 60_000;
const ROWS_PER_RELIEF = 500;
const RELIEF_LEASE_MS = 30_000;

export function createPlanner(deps: PlannerDeps): Planner {
  const { work, capacity, turnarounds, models, clock, random, tickMs, handOverMs = 0 } = deps;
  const hasNativeRoom = deps.hasNativeRoom ?? (async () => true);
  let seen: { readonly atMs: number; readonly waits: Promise<Waits> } | null = null;
  const outlooks = new Map<string, { atMs: number; outlook: Promise<LaneOutlook> }>();

  /** Backlog and limits of all models, read together. */
  function waitsNow(): Promise<Waits> {
    const nowMs = clock.nowMs();
    if (seen === null || nowMs - seen.atMs >= OUTLOOK_AGE_MS) {
      const waits = Promise.all([work.backlog(), capacity.snapshot()]).then(
        ([backlog, states]) => ({ backlog, states }),
      );
      waits.catch(() => {
        seen = null;
      });
      seen = { atMs: nowMs, waits };
    }
    return seen.waits;
  }

  async function perMinuteOf(model: ModelSettings) {
    const { states } = await waitsNow();
    const state = openState(states.get(model.name) ?? null, model.limits, clock.nowMs());
    return Object.fromEntries(
      DIMENSIONS.flatMap((dimension) => {
        const limit = state.limits[dimension];
        return limit === undefined
          ? []
          : [[dimension, effectivePerMinute(limit, state.ratePerMille)]];
      }),
    );
  }

  async function look(model: ModelSettings): Promise<LaneOutlook> {
    const hasNative = model.lanes.includes('native');
    const [{ backlog }, perMinute, record, hasRoom] = await Promise.all([
      waitsNow(),
      perMinuteOf(model),
      hasNative ? turnarounds.read(model.provider, model.name) : null,
      hasNative ? hasNativeRoom(model) : false,
    ]);
    const queued = backlog.find((row) => row.model === model.name && isSync(row));
    const cancels = turnaroundFrom(record?.cancels ?? null, CANCEL_PRIOR);
    return {
      backlogMs: queued === undefined ? 0 : (bindingLimit(queued, perMinute)?.durationMs ?? 0),
      turnaround: turnaroundFrom(record?.jobs ?? null, JOB_PRIOR),
      cancelMs: Math.min(LONGEST_CANCEL_MS, cancels.quantileMs(CANCEL_SHARE) ?? LONGEST_CANCEL_MS),
      tickMs,
      handOverMs,
      hasNativeRoom: hasRoom,
    };
  }

  async function outlook(name: string): Promise<LaneOutlook | null> {
    const model = models.get(name);
    if (model === undefined) return null;
    const nowMs = clock.nowMs();
    const known = outlooks.get(name);
    if (known !== undefined && nowMs - known.atMs < OUTLOOK_AGE_MS) return known.outlook;
    const fresh = look(model);
    fresh.catch(() => outlooks.delete(name));
    outlooks.set(name, { atMs: nowMs, outlook: fresh });
    return fresh;
  }

  async function planAt(
    request: Routable,
    nowMs: number,
    without: readonly Lane[] = [],
  ): Promise<LaneDecision> {
    const facts = await outlook(request.model);
    const model = models.get(request.model);
    if (facts === null || model === undefined) return UNKNOWN_MODEL;
    const lanes = model.lanes.filter((lane) => !without.includes(lane));
    return decide(request, { ...model, lanes }, facts, nowMs);
  }

  async function rule(name: string): Promise<(request: Routable) => Route> {
    const facts = await outlook(name);
    const model = models.get(name);
    if (facts === null || model === undefined) return () => 'sync';
    return (request) =>
      decide(request, model, facts, clock.nowMs()).lane === 'native' ? 'native' : 'sync';
  }

  const plan = (request: Routable) => planAt(request, clock.nowMs());

  async function route(request: Routable): Promise<Route> {
    // Most requests set no limit: they need no look at what is known.
    if (request.deadlineAtMs === null && request.lane !== 'native') return 'sync';
    return (await plan(request)).lane === 'native' ? 'native' : 'sync';
  }

  async function explain(view: RequestView): Promise<LaneDecision | null> {
    if (isTerminal(view.status)) return null;
    const nowMs = clock.nowMs();
    if (view.route !== 'native') {
      const planned = await planAt(view, nowMs);
      if (planned.lane !== 'native') return planned;
      const called = await planAt(view, nowMs, ['native']);
      const word = called.lane === 'flex' ? 'Flex' : 'Live';
      return { ...called, why: `${word}: it is in the queue of calls, and soon made.` };
    }
    const facts = await outlook(view.model);
    const decision = await planAt(view, view.createdAtMs);
    if (facts === null || decision.lane !== 'native') return decision;
    const { expectedFinishAtMs: expected } = decision;
    if (expected === null || expected > nowMs) return decision;
    // Later than such jobs usually are: what is usual from here on.
    const waitedMs = nowMs - view.createdAtMs;
    return { ...decision, expectedFinishAtMs: nowMs + usuallyMoreMs(facts, waitedMs) };
  }

  const drainMs: Planner['drainMs'] = async (name, rows) => {
    const model = models.get(name);
    if (model === undefined) return 0;
    return bindingLimit(rows, await perMinuteOf(model))?.durationMs ?? 0;
  };

  async function relieve(): Promise<number> {
    let moved = 0;
    for (const model of models.values()) {
      if (!model.lanes.includes('native')) continue;
      const facts = await outlook(model.name);
      if (facts === null || facts.backlogMs < LONG_QUEUE_MS || !facts.hasNativeRoom) continue;
      moved += await relieveModel(model);
    }
    return moved;
  }

  /** A bounded look at the head of the queue: what is not moved is handed back as it was. */
  async function relieveModel({ name }: ModelSettings): Promise<number> {
    const nowMs = clock.nowMs();
    const rows = await work.lease({
      model: name,
      owner: random.id('planner_'),
      nowMs,
      expiresAtMs: nowMs + RELIEF_LEASE_MS,
      limit: ROWS_PER_RELIEF,
    });
    // What may share an opening can be cheaper by calls, and would come back from the builder.
    const routes = await Promise.all(
      rows.map((row) => (row.prefixKey === null ? route(row) : ('sync' as const))),
    );
    await work.defer(rows.map((row, index) => handBack(row, routes[index] ?? 'sync', nowMs)));
    return routes.filter((one) => one === 'native').length;
  }

  return {
    outlook,
    plan,
    route,
    rule,
    explain,
    async judge(name, jobs) {
      const facts = await outlook(name);
      const model = models.get(name);
      if (facts === null || model === undefined) return new Map();
      return judgeJobs(jobs, { ...facts, hasFlex: hasFlex(model) }, clock.nowMs());
    },
    drainMs,
    async callsMs(name, rows) {
      const [facts, ownMs] = await Promise.all([outlook(name), drainMs(name, rows)]);
      return (facts?.backlogMs ?? 0) + ownMs;
    },
    async expectEndMs(name, submittedAtMs) {
      const facts = await outlook(name);
      if (facts === null) return null;
      const nowMs = clock.nowMs();
      return nowMs + usuallyMoreMs(facts, Math.max(0, nowMs - submittedAtMs));
    },
    async learn({ provider, model, submittedAtMs, cancelledAtMs, endedAtMs, isCompleted }) {
      const nowMs = clock.nowMs();
      const job: ObservedDuration = {
        durationMs: (cancelledAtMs ?? endedAtMs) - submittedAtMs,
        hasEnded: isCompleted,
      };
      await turnarounds.update(provider, model, (record) => {
        const jobs = record?.jobs ?? emptyHistogram(nowMs);
        const cancels = record?.cancels ?? emptyHistogram(nowMs);
        return {
          jobs: observe(jobs, job, nowMs),
          cancels:
            cancelledAtMs === null
              ? cancels
              : observe(cancels, { durationMs: endedAtMs - cancelledAtMs, hasEnded: true }, nowMs),
        };
      });
      outlooks.delete(model);
    },
    relieve,
  };
}

interface Waits {
  readonly backlog: readonly Backlog[];
  readonly states: Awaited<ReturnType<CapacityStore['snapshot']>>;
}

function isSync(row: Backlog): boolean {
  return row.route === 'sync';
}

const UNKNOWN_MODEL: LaneDecision = {
  lane: 'live',
  expectedFinishAtMs: null,
  escalateAtMs: null,
  meetsDeadline: true,
  chance: 1,
  otherwise: null,
  why: 'Live: nothing is known of the model.',
};

function decide(
  request: Routable,
  model: ModelSettings,
  facts: LaneOutlook,
  nowMs: number,
): LaneDecision {
  const { lane: wanted, deadlineAtMs, maxOutputTokens } = request;
  const question = {
    wanted,
    offered: model.lanes,
    costs: costsOf(request, model),
    deadlineAtMs,
    maxOutputTokens,
    nowMs,
  };
  return planLane(question, facts);
}

function hasFlex({ lanes, price }: ModelSettings): boolean {
  if (!lanes.includes('flex')) return false;
  const usage = { inputTokens: 1_000_000, outputTokens: 1_000_000 };
  const cost = (lane: Lane) => (price === null ? 0 : estimateCostMicroUsd(price, usage, lane));
  return price === null || cost('flex') < cost('live');
}

function costsOf(
  { inputTokens, maxOutputTokens }: Routable,
  { price }: ModelSettings,
): Readonly<Record<Lane, number>> | null {
  if (price === null) return null;
  const cost = (lane: Lane) =>
    estimateCostMicroUsd(price, { inputTokens, outputTokens: maxOutputTokens }, lane);
  return { live: cost('live'), flex: cost('flex'), native: cost('native') };
}

/** Within how long half of what has waited so long ends. Unit of both: ms. */
function usuallyMoreMs({ turnaround, tickMs }: LaneOutlook, waitedMs: number): number {
  for (let moreMs = tickMs; moreMs < 2 * 86_400_000; moreMs *= 1.5) {
    if (turnaround.shareWithinMore(waitedMs, moreMs) >= 0.5) return Math.round(moreMs);
  }
  return 2 * 86_400_000;
}

function handBack(row: LeasedRequest, route: Route, notBeforeMs: number) {
  const { id, tenant, fence, attempts, firstAttemptAtMs } = row;
  return { id, tenant, fence, attempts, firstAttemptAtMs, notBeforeMs, route };
}
