import { ROUTES, type Route } from '../../../domain/requests/request.ts';
import { countDue, nextDueAtMs, type Run } from '../../../domain/requests/slice-runs.ts';
import type { SliceNotice } from '../../../ports/request-queue.ts';
import type { Backlog } from '../../../ports/request-store.ts';
import { inParallel } from '../table/in-parallel.ts';
import { instantOf } from '../table/stamps.ts';
import type { Booking } from './booking.ts';
import type { OpenSlices } from './open-slices.ts';
import type { SliceHeader } from './slice-header.ts';
import type { SliceReader, StoredOutcome } from './slice-reader.ts';

const SLICES_AT_ONCE = 16;

export interface SurveyDeps {
  readonly reader: SliceReader;
  readonly open: OpenSlices;
  readonly booking: Booking;
}

type Outcomes = ReadonlyMap<number, StoredOutcome>;

/** Looks over all open slices: what waits, what does not move, what was left unfinished. */
export class Survey {
  readonly #deps: SurveyDeps;

  constructor(deps: SurveyDeps) {
    this.#deps = deps;
  }

  async backlog(): Promise<Backlog[]> {
    const backlog: Backlog[] = [];
    for (const model of await this.#deps.open.models()) {
      const queues = ROUTES.map((route) => emptySums(model, route));
      for await (const headers of this.#deps.open.ofModel(model)) {
        const outcomes = await this.#outcomesOf(headers);
        headers.forEach((header, at) => {
          for (const sums of queues) addOpen(sums, header, outcomes[at] ?? NONE);
        });
      }
      backlog.push(...queues.filter(({ requests }) => requests > 0));
    }
    return backlog;
  }

  async *idle(nowMs: number, idleMs: number): AsyncGenerator<SliceNotice> {
    for await (const headers of this.#deps.open.all()) {
      const old = headers.filter((header) => isIdle(header, nowMs - idleMs));
      const outcomes = await this.#outcomesOf(old);
      for (const [at, { facts, runs }] of old.entries()) {
        const ended = outcomes[at] ?? NONE;
        const dueAtMs = nextDueAtMs(runs, (index) => ended.has(index));
        if (dueAtMs === null || dueAtMs > nowMs - idleMs) continue;
        const { tenant, slice, model, priority } = facts;
        yield { tenant, slice, model, priority };
      }
    }
  }

  /** Books slices that have ended and whose last owner is gone; returns how many. */
  async bookLeftOvers(nowMs: number): Promise<number> {
    let booked = 0;
    for await (const headers of this.#deps.open.all()) {
      const left = headers.filter(({ runs }) => runs.fence > 0 && countDue(runs, nowMs) > 0);
      const flags = await inParallel(left, SLICES_AT_ONCE, ({ facts }) =>
        this.#deps.booking.bookEnded(facts),
      );
      booked += flags.filter(Boolean).length;
    }
    return booked;
  }

  #outcomesOf(headers: readonly SliceHeader[]): Promise<Outcomes[]> {
    return inParallel(headers, SLICES_AT_ONCE, async ({ facts, runs }) =>
      runs.fence > 0 ? this.#deps.reader.outcomes(facts) : NONE,
    );
  }
}

const NONE: Outcomes = new Map();

/** Whether something has been due, and the slice been there, since that instant. */
function isIdle({ facts, runs }: SliceHeader, sinceMs: number): boolean {
  return instantOf(facts.stamp) <= sinceMs && countDue(runs, sinceMs, 'sync') > 0;
}

type Sums = { -readonly [Field in keyof Backlog]-?: NonNullable<Backlog[Field]> };

function emptySums(model: string, route: Route): Sums {
  const never = Number.MAX_SAFE_INTEGER;
  const tokens = { inputTokens: 0, maxOutputTokens: 0 };
  return { model, route, requests: 0, ...tokens, nextDueAtMs: never, waitingSinceMs: never };
}

/**
 * Adds what is open of a slice in the queue of the sums. Where its requests are in both, their
 * tokens are shared by their number.
 */
function addOpen(sums: Sums, { facts, runs }: SliceHeader, ended: Outcomes): void {
  const dueAtMs = nextDueAtMs(runs, (index) => ended.has(index), sums.route);
  if (dueAtMs === null) return;
  const open = openByRoute(runs.runs, ended);
  const share = open[sums.route] / (open.sync + open.native);
  sums.nextDueAtMs = Math.min(sums.nextDueAtMs, dueAtMs);
  sums.waitingSinceMs = Math.min(sums.waitingSinceMs, Math.max(dueAtMs, instantOf(facts.stamp)));
  let { inputTokens, maxOutputTokens } = facts;
  for (const outcome of ended.values()) {
    inputTokens -= outcome.inputTokens;
    maxOutputTokens -= outcome.maxOutputTokens;
  }
  sums.requests += open[sums.route];
  sums.inputTokens += Math.round(inputTokens * share);
  sums.maxOutputTokens += Math.round(maxOutputTokens * share);
}

function openByRoute(runs: readonly Run[], ended: Outcomes): Record<Route, number> {
  const open = { sync: 0, native: 0 };
  for (const { from, to, route } of runs) {
    for (let index = from; index <= to; index += 1) if (!ended.has(index)) open[route] += 1;
  }
  return open;
}
