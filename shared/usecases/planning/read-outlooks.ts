/** What is known of each model now: its queue, its limits, and how long its batches take. */

import { bindingLimit } from '../../domain/capacity/backlog-time.ts';
import { effectivePerMinute, openState } from '../../domain/capacity/capacity-state.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import { DIMENSIONS } from '../../domain/capacity/provider-outcome.ts';
import type { LaneOutlook } from '../../domain/lanes/plan-lane.ts';
import { CANCEL_PRIOR, JOB_PRIOR, turnaroundFrom } from '../../domain/lanes/turnaround.ts';
import type { CapacityStore } from '../../ports/capacity-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Backlog, WorkStore } from '../../ports/request-store.ts';
import type { TurnaroundStore } from '../../ports/turnaround-store.ts';

export interface OutlookDeps {
  readonly work: Pick<WorkStore, 'backlog'>;
  readonly capacity: Pick<CapacityStore, 'snapshot'>;
  readonly turnarounds: Pick<TurnaroundStore, 'read'>;
  readonly models: { get(name: string): ModelSettings | undefined };
  readonly clock: Clock;
  /** Between two looks of the home at its jobs. Unit: ms. */
  readonly tickMs: number;
  /** Until a row that a job hands back has met a worker. Unit: ms. @default 0 */
  readonly handOverMs?: number;
  /** Whether the provider's queue of batches takes more rows. @default it always does */
  readonly hasNativeRoom?: (model: ModelSettings) => Promise<boolean>;
}

export interface Outlooks {
  /** `null` for a model that is not configured. Kept for seconds. */
  of(model: string): Promise<LaneOutlook | null>;
  /** What a set of rows would take in the synchronous lane, at the limits. Unit: ms. */
  drainMs(model: string, rows: Omit<Backlog, 'model' | 'route' | 'nextDueAtMs'>): Promise<number>;
  /** Something was learnt of the model. */
  forget(model: string): void;
}

/** What is learnt changes with each job that ends, not with each request. Unit: ms. */
const OUTLOOK_AGE_MS = 5_000;

/** But for one in ten, batches are cancelled within what was seen; providers promise ten minutes. */
const CANCEL_SHARE = 0.9;
const LONGEST_CANCEL_MS = 600_000;

interface Waits {
  readonly backlog: readonly Backlog[];
  readonly states: Awaited<ReturnType<CapacityStore['snapshot']>>;
}

export function createOutlooks(deps: OutlookDeps): Outlooks {
  const { work, capacity, turnarounds, models, clock, tickMs, handOverMs = 0 } = deps;
  const hasNativeRoom = deps.hasNativeRoom ?? (async () => true);
  let seen: { readonly atMs: number; readonly waits: Promise<Waits> } | null = null;
  const outlooks = new Map<string, { atMs: number; outlook: Promise<LaneOutlook> }>();

  /** Backlog and limits of all models, read together. */
  function waitsNow(): Promise<Waits> {
    const nowMs = clock.nowMs();
    if (seen === null || !isFresh(seen.atMs, nowMs)) {
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
    const queued = backlog.find((row) => row.model === model.name && row.route === 'sync');
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

  return {
    async of(name) {
      const model = models.get(name);
      if (model === undefined) return null;
      const nowMs = clock.nowMs();
      const known = outlooks.get(name);
      if (known !== undefined && isFresh(known.atMs, nowMs)) return known.outlook;
      const fresh = look(model);
      fresh.catch(() => outlooks.delete(name));
      outlooks.set(name, { atMs: nowMs, outlook: fresh });
      return fresh;
    },
    async drainMs(name, rows) {
      const model = models.get(name);
      if (model === undefined) return 0;
      return bindingLimit(rows, await perMinuteOf(model))?.durationMs ?? 0;
    },
    forget(name) {
      outlooks.delete(name);
    },
  };
}

/** What was seen in the future was seen before a clock was set back. */
function isFresh(atMs: number, nowMs: number): boolean {
  return nowMs >= atMs && nowMs - atMs < OUTLOOK_AGE_MS;
}
