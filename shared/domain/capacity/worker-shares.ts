/**
 * How several workers share one limit: who counts, what part each may take, and what the others
 * are known to be spending meanwhile.
 *
 * Shares are equal and bind only the refill. What gathers in the bucket because somebody does not
 * use his share is free for whoever comes, so that nothing is lost to idle workers.
 */

import type { CapacityState, SpendingPlan } from './capacity-state.ts';
import type { Dimension } from './provider-outcome.ts';

/** A worker not heard of for so long no longer counts for shares. Unit: ms. */
const WORKER_MEMORY_MS = 5_000;

/** Each worker further lengthens what one purchase covers, so that writes do not grow with workers. */
const HORIZON_PER_WORKER_MS = 125;
const LONGEST_HORIZON_MS = 1_000;
/** A worker that bought nothing for so long after its last plan has nothing to send. Unit: ms. */
const PLAN_MEMORY_MS = 1_000;

/** The state with `owner` among its workers, and without those not heard of lately. */
export function withWorker(state: CapacityState, owner: string, nowMs: number): CapacityState {
  const isRecent = ([name, seenAtMs]: [string, number]): boolean =>
    name !== owner && nowMs - seenAtMs < WORKER_MEMORY_MS;
  const others = Object.entries(state.workers).filter(isRecent);
  const plans = Object.entries(state.plans).filter(
    ([name, { untilMs }]) => name !== owner && nowMs - untilMs < PLAN_MEMORY_MS,
  );
  return {
    ...state,
    workers: Object.fromEntries([...others, [owner, nowMs]]),
    plans: Object.fromEntries(plans),
  };
}

/** The state after a worker has gone: its share is the others' at once. */
export function withoutWorker(state: CapacityState, owner: string): CapacityState {
  const { [owner]: _seen, ...workers } = state.workers;
  const { [owner]: _plan, ...plans } = state.plans;
  return { ...state, workers, plans };
}

export function workerCount({ workers }: CapacityState): number {
  return Math.max(1, Object.keys(workers).length);
}

/** How far ahead each of so many workers buys, given how far one would alone. Unit: ms. */
export function sharedHorizonMs(aloneMs: number, workers: number): number {
  if (workers <= 1) return aloneMs;
  return Math.max(aloneMs, Math.min(LONGEST_HORIZON_MS, workers * HORIZON_PER_WORKER_MS));
}

/**
 * Calls `owner` may have in flight: its part of them all, the remainder going to the first by
 * name. May be 0 where there are fewer slots than workers. `null` while unlimited.
 */
export function concurrencyShare(state: CapacityState, owner: string): number | null {
  const { concurrency } = state;
  if (concurrency === null) return null;
  const names = Object.keys(state.workers).toSorted();
  const count = Math.max(1, names.length);
  const isAmongFirst = names.indexOf(owner) < concurrency % count;
  return Math.floor(concurrency / count) + (isAmongFirst ? 1 : 0);
}

/** What the plan has not spent by an instant. Unit: units. */
export function unspentUnits(plan: SpendingPlan, dimension: Dimension, atMs: number): number {
  const units = plan.units[dimension] ?? 0;
  const spanMs = plan.untilMs - plan.fromMs;
  if (spanMs <= 0) return 0;
  const leftMs = Math.min(spanMs, Math.max(0, plan.untilMs - atMs));
  return (units * leftMs) / spanMs;
}

/**
 * What a worker spends between two instants: by its plan, and once that has ended by what its
 * share allows, since it will have bought again. Unit: units.
 */
export function spentUnits(
  plan: SpendingPlan,
  dimension: Dimension,
  { fromMs, toMs, sharePerMs }: { fromMs: number; toMs: number; sharePerMs: number },
): number {
  const planned = unspentUnits(plan, dimension, fromMs) - unspentUnits(plan, dimension, toMs);
  const lastsUntilMs = plan.untilMs + PLAN_MEMORY_MS;
  const afterMs = Math.min(toMs, lastsUntilMs) - Math.max(fromMs, plan.untilMs);
  return planned + Math.max(0, afterMs) * sharePerMs;
}
