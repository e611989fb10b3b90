/** What keeps accepted work moving whatever was lost on the way: notices, and processes. */

import { METRICS } from '../contracts/metric-names.ts';
import type { BatchBell } from '../ports/batch-bell.ts';
import type { BatchStore } from '../ports/batch-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { ProviderHolds } from '../ports/provider-holds.ts';
import type { RequestQueue, SliceNotice } from '../ports/request-queue.ts';
import type { WorkStore } from '../ports/request-store.ts';
import type { SliceWork } from '../ports/slice-work.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export interface SweepReport {
  readonly repaired: number;
  readonly announced: number;
  /** Notices that could not be sent; the next sweep tries again. */
  readonly unsent: number;
}

/** Sweeps once, until done or until `deadlineMs`. Unit: ms since the epoch. */
export type Sweep = (options: { readonly deadlineMs: number }) => Promise<SweepReport>;

export interface SweepDeps {
  readonly slices: SliceWork;
  readonly work: Pick<WorkStore, 'backlog'>;
  readonly queue: RequestQueue;
  readonly holds: ProviderHolds;
  /** Whoever moves batches on is woken for each that has not ended. */
  readonly batches: Pick<BatchStore, 'open'>;
  readonly bell: BatchBell;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** Longer than a notice takes to arrive while workers are free. Unit: ms. */
const IDLE_MS = 30_000;
/** Enough to wake workers: once awake for a model they find the rest of its slices themselves. */
const MOST_PER_MODEL = 100;
const NOTICES_PER_SEND = 100;
/**
 * What an invocation hands back as its time ends has no notice of its own any more. While there is
 * a backlog, a sweep looks for it again and again: else a limit would stand unused until the next.
 * Unit: ms.
 */
const PASS_MS = 10_000;
const MOST_PER_PASS = 8;

export function createSweep(deps: SweepDeps): Sweep {
  const { slices, work, queue, holds, batches, bell, clock, telemetry } = deps;

  return async ({ deadlineMs }) => {
    const repaired = await slices.repair(clock.nowMs());
    await bell.ring(await batches.open());
    const rung = await ring(deadlineMs, { idleMs: IDLE_MS, mostPerModel: MOST_PER_MODEL });
    const hasBacklog = await measure();
    while (hasBacklog && clock.nowMs() + PASS_MS < deadlineMs) {
      await clock.sleep(PASS_MS);
      const more = await ring(deadlineMs, { idleMs: PASS_MS, mostPerModel: MOST_PER_PASS });
      rung.announced += more.announced;
      rung.unsent += more.unsent;
    }
    telemetry.count(METRICS.sliceRepaired, repaired);
    telemetry.count(METRICS.sliceAnnouncedAgain, rung.announced);
    return { repaired, ...rung };
  };

  async function ring(
    deadlineMs: number,
    { idleMs, mostPerModel }: { readonly idleMs: number; readonly mostPerModel: number },
  ): Promise<{ announced: number; unsent: number }> {
    const rungOf = new Map<string, number>();
    const total = { announced: 0, unsent: 0 };
    let pending: SliceNotice[] = [];
    for await (const notice of slices.idle(clock.nowMs(), idleMs)) {
      if (clock.nowMs() >= deadlineMs) break;
      const rung = rungOf.get(notice.model) ?? 0;
      if (rung >= mostPerModel) continue;
      rungOf.set(notice.model, rung + 1);
      pending.push(notice);
      if (pending.length === NOTICES_PER_SEND) await send();
    }
    await send();
    return total;

    async function send(): Promise<void> {
      if (pending.length === 0) return;
      const unsent = await queue.announce(pending);
      total.announced += pending.length - unsent.length;
      total.unsent += unsent.length;
      pending = [];
    }
  }

  /** Zeros are told too, so that an alarm can tell quiet from broken. True while calls are to be made. */
  async function measure(): Promise<boolean> {
    const nowMs = clock.nowMs();
    const backlog = await work.backlog();
    telemetry.count(METRICS.backlogRequests, 0);
    for (const { model, requests } of backlog) {
      telemetry.count(METRICS.backlogRequests, requests, { model });
    }
    // What is gathered for a provider's batch waits on purpose, and no ringing makes it quicker.
    const calls = backlog.filter(({ route }) => route === 'sync');
    const waits = calls.map(({ waitingSinceMs }) => nowMs - (waitingSinceMs ?? nowMs));
    telemetry.count(METRICS.queueAgeSeconds, Math.round(Math.max(0, ...waits) / 1_000));
    telemetry.count(METRICS.providerHeld, 0);
    for (const { provider } of await holds.list()) {
      telemetry.count(METRICS.providerHeld, 1, { provider });
    }
    return calls.length > 0;
  }
}
