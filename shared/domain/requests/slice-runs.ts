/**
 * Who may work on which requests of a slice, and when: a run-length list, so that a slice of
 * hundreds costs one small write to lease, to hand back and to extend. Pure: a store writes the
 * next state under the condition that it still holds the one it was computed from.
 */

import type { Route } from './request.ts';

/** Neighbouring requests of a slice in the same state. */
export interface Run {
  readonly from: number;
  /** Included. */
  readonly to: number;
  /** Who holds them; `null` while nobody does. */
  readonly owner: string | null;
  /** Grantable from here on: end of the lease, or what they wait for. Unit: ms since the epoch. */
  readonly dueAtMs: number;
  /** Of the lease last granted; 0 before the first. */
  readonly fence: number;
  readonly attempts: number;
  readonly firstAttemptAtMs: number | null;
  /** The queue they wait in. */
  readonly route: Route;
}

export interface SliceRuns {
  /** The largest fence granted so far; 0 says that nobody has touched the slice. */
  readonly fence: number;
  /** Ascending, disjoint. Requests known to have ended are left out. */
  readonly runs: readonly Run[];
}

export interface GrantTerms {
  readonly owner: string;
  readonly nowMs: number;
  /** The lease is void after this instant. */
  readonly expiresAtMs: number;
  readonly limit: number;
  /** @default 'sync' */
  readonly route?: Route;
}

/** One request granted, as its last owner left it. */
export interface Granted {
  readonly index: number;
  readonly fence: number;
  readonly attempts: number;
  readonly firstAttemptAtMs: number | null;
}

export interface FencedIndex {
  readonly index: number;
  readonly fence: number;
}

export interface Release extends FencedIndex {
  readonly notBeforeMs: number;
  readonly attempts: number;
  readonly firstAttemptAtMs: number | null;
  /** @default the one it came from */
  readonly route?: Route;
}

/** Knows which requests of the slice have an outcome. */
export type HasEnded = (index: number) => boolean;

/** Requests nobody has worked on yet, all due at once, each in a queue. */
export function openRuns(
  indices: Iterable<number>,
  routeOf: (index: number) => Route = () => 'sync',
): SliceRuns {
  const runs: Run[] = [];
  for (const index of [...indices].sort((one, other) => one - other)) {
    push(runs, index, { ...UNTOUCHED, route: routeOf(index) });
  }
  return { fence: 0, runs };
}

/**
 * Grants up to `limit` requests that are due, lowest first, under one fence larger than any
 * before. What has ended is dropped from the list and never granted.
 */
export function grant(
  state: SliceRuns,
  { owner, nowMs, expiresAtMs, limit, route = 'sync' }: GrantTerms,
  hasEnded: HasEnded,
): { readonly state: SliceRuns; readonly granted: readonly Granted[] } {
  const fence = state.fence + 1;
  const granted: Granted[] = [];
  const runs: Run[] = [];
  for (const run of state.runs) {
    for (let index = run.from; index <= run.to; index += 1) {
      if (hasEnded(index)) continue;
      if (run.route !== route || run.dueAtMs > nowMs || granted.length >= limit) {
        push(runs, index, run);
        continue;
      }
      const { attempts, firstAttemptAtMs } = run;
      granted.push({ index, fence, attempts, firstAttemptAtMs });
      // Void after the instant, so grantable from the next millisecond on.
      push(runs, index, { ...run, owner, fence, dueAtMs: expiresAtMs + 1 });
    }
  }
  return granted.length === 0 ? { state, granted } : { state: { fence, runs }, granted };
}

/** Hands requests back. One whose fence is stale is passed over. */
export function release(state: SliceRuns, releases: readonly Release[]): SliceRuns {
  return change(state, releases, (run, { notBeforeMs, attempts, firstAttemptAtMs, route }) => ({
    ...run,
    owner: null,
    dueAtMs: Math.max(0, Math.ceil(notBeforeMs)),
    attempts,
    firstAttemptAtMs,
    route: route ?? run.route,
  }));
}

/** Extends leases. One whose fence is stale, or that was handed back, is passed over. */
export function extend(
  state: SliceRuns,
  refs: readonly FencedIndex[],
  expiresAtMs: number,
): SliceRuns {
  return change(state, refs, (run) =>
    run.owner === null ? run : { ...run, dueAtMs: expiresAtMs + 1 },
  );
}

/** Marks the slice as one in which requests may have ended. */
export function touch(state: SliceRuns): SliceRuns {
  return state.fence > 0 ? state : { ...state, fence: 1 };
}

/** Those of the requests whose fence is current and that an owner holds. */
export function heldOf({ runs }: SliceRuns, refs: readonly FencedIndex[]): number[] {
  return refs.flatMap(({ index, fence }) => {
    const run = runAt({ runs, fence: 0 }, index);
    return run !== null && run.fence === fence && run.owner !== null ? [index] : [];
  });
}

/** Owners whose lease has run out while they held something of the queue that has not ended. */
export function lapsedOwners(
  { runs }: SliceRuns,
  nowMs: number,
  hasEnded: HasEnded,
  wanted: Route = 'sync',
): string[] {
  const owners = runs.flatMap(({ owner, dueAtMs, from, to, route }) => {
    if (owner === null || dueAtMs > nowMs || route !== wanted) return [];
    for (let index = from; index <= to; index += 1) if (!hasEnded(index)) return [owner];
    return [];
  });
  return [...new Set(owners)];
}

/** How many requests of a queue, or of any, are due; those that ended since they were last looked at included. */
export function countDue({ runs }: SliceRuns, nowMs: number, wanted?: Route): number {
  return runs.reduce(
    (sum, { from, to, dueAtMs, route }) =>
      sum + (dueAtMs <= nowMs && (wanted ?? route) === route ? to - from + 1 : 0),
    0,
  );
}

/** Earliest instant at which something of the queue may be granted; `null` when all of it has ended. */
export function nextDueAtMs(
  { runs }: SliceRuns,
  hasEnded: HasEnded,
  wanted: Route = 'sync',
): number | null {
  let earliest: number | null = null;
  for (const { from, to, dueAtMs, route } of runs) {
    if (route !== wanted) continue;
    if (earliest !== null && dueAtMs >= earliest) continue;
    for (let index = from; index <= to; index += 1) {
      if (hasEnded(index)) continue;
      earliest = dueAtMs;
      break;
    }
  }
  return earliest;
}

/** The run a request stands in, or `null` when it is known to have ended. */
export function runAt({ runs }: SliceRuns, index: number): Run | null {
  return runs.find(({ from, to }) => from <= index && index <= to) ?? null;
}

const UNTOUCHED = { owner: null, dueAtMs: 0, fence: 0, attempts: 0, firstAttemptAtMs: null };

/** Applies `step` to each request whose fence is current; the same state when nothing changes. */
function change<Ref extends FencedIndex>(
  state: SliceRuns,
  refs: readonly Ref[],
  step: (run: Run, ref: Ref) => Run,
): SliceRuns {
  const byIndex = new Map(refs.map((ref) => [ref.index, ref]));
  let hasChanged = false;
  const runs: Run[] = [];
  for (const run of state.runs) {
    for (let index = run.from; index <= run.to; index += 1) {
      const ref = byIndex.get(index);
      const next = ref !== undefined && ref.fence === run.fence ? step(run, ref) : run;
      hasChanged ||= next !== run;
      push(runs, index, next);
    }
  }
  return hasChanged ? { ...state, runs } : state;
}

/** Adds a request, to the last run where it continues that. */
function push(runs: Run[], index: number, like: Omit<Run, 'from' | 'to'>): void {
  const last = runs.at(-1);
  const continues =
    last !== undefined &&
    last.to === index - 1 &&
    last.owner === like.owner &&
    last.dueAtMs === like.dueAtMs &&
    last.fence === like.fence &&
    last.attempts === like.attempts &&
    last.route === like.route &&
    last.firstAttemptAtMs === like.firstAttemptAtMs;
  if (continues) runs[runs.length - 1] = { ...last, to: index };
  else runs.push({ ...like, from: index, to: index });
}
