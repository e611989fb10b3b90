/** Which queue requests wait in, at acceptance and as time passes; what becomes of open jobs. */

import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import { estimateCostMicroUsd } from '../../domain/cost/pricing.ts';
import { type JobStanding, type JobVerdict, judgeJobs } from '../../domain/lanes/judge-jobs.ts';
import type { Lane } from '../../domain/lanes/lane.ts';
import { type LaneDecision, type LaneOutlook, planLane } from '../../domain/lanes/plan-lane.ts';
import type { RequestView, Route } from '../../domain/requests/request.ts';
import { isTerminal } from '../../domain/requests/request-state.ts';
import type { CapacityStore } from '../../ports/capacity-store.ts';
import type { Random } from '../../ports/random.ts';
import type { WorkStore } from '../../ports/request-store.ts';
import type { TurnaroundStore } from '../../ports/turnaround-store.ts';
import type { Routable } from '../native/plan-route.ts';
import { type EndedJob, learnTurnaround } from './learn-turnaround.ts';
import { createOutlooks, type OutlookDeps, type Outlooks } from './read-outlooks.ts';
import { relieveQueues } from './relieve-queues.ts';

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
  drainMs: Outlooks['drainMs'];
  /** The same, behind what waits already. */
  callsMs: Outlooks['drainMs'];
  /** When the batch of a model ends that was handed over then, as likely as not; `null`: nobody knows. */
  expectEndMs(model: string, submittedAtMs: number): Promise<number | null>;
  /** Learns from a job that has ended. */
  learn(job: EndedJob): Promise<void>;
  /** Moves requests with time to spare out of a long synchronous queue; how many it moved. */
  relieve(): Promise<number>;
}

export interface PlannerDeps extends OutlookDeps {
  readonly work: WorkStore;
  readonly capacity: CapacityStore;
  readonly turnarounds: TurnaroundStore;
  readonly models: {
    get(name: string): ModelSettings | undefined;
    values(): Iterable<ModelSettings>;
  };
  readonly random: Random;
}

export function createPlanner(deps: PlannerDeps): Planner {
  const { work, turnarounds, models, clock, random } = deps;
  const outlooks = createOutlooks(deps);
  const { of: outlook, drainMs } = outlooks;

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
    async learn(job) {
      await learnTurnaround(turnarounds, job, clock.nowMs());
      outlooks.forget(job.model);
    },
    relieve: () => relieveQueues({ work, models, clock, random, outlook, route }),
  };
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
