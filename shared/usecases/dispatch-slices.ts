/**
 * One invocation's work: answers what its notices name, helps with what others handed back while
 * time remains, and leaves everything it could not finish to the next.
 */

import type { ProviderStop } from '../domain/capacity/provider-stop.ts';
import type { ResultLog } from '../ports/payload-store.ts';
import type { ProviderHolds } from '../ports/provider-holds.ts';
import type { SliceNotice } from '../ports/request-queue.ts';
import type { SliceWork } from '../ports/slice-work.ts';
import { DeliveredWork } from './dispatch/delivered-work.ts';
import { DispatchMeter } from './dispatch/dispatch-meter.ts';
import { ProviderReview } from './dispatch/provider-review.ts';
import { createDispatcher, type Dispatcher, type DispatcherDeps } from './dispatcher.ts';
import type { CompletionTeller } from './webhooks/tell-completions.ts';

export interface DispatchSlicesDeps
  extends Omit<
    DispatcherDeps,
    'owner' | 'results' | 'onPublished' | 'onProviderStopped' | 'onTrial'
  > {
  readonly slices: SliceWork;
  /** Who is told of requests that end here. */
  readonly teller?: CompletionTeller;
  readonly holds: ProviderHolds;
  /** The result log of one owner. */
  readonly resultsOf: (owner: string) => ResultLog;
  /** Providers that are configured and cannot be called, e.g. since a secret is missing. */
  readonly unusable: readonly ProviderStop[];
}

export interface DispatchSlicesReport {
  /**
   * `drained`: nothing is left to do here. `deadline`: time ran out. `parked`: all that is left
   * waits longer than it is worth paying for. What is left was handed back in each case.
   */
  readonly reason: 'drained' | 'deadline' | 'parked';
  readonly sent: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly throttled: number;
}

/**
 * Works until nothing is left to do, or `deadlineMs` (unit: ms since the epoch), at which calls
 * still in flight are ended. Resolves once outcomes are published and leases given up. Rejects
 * when results cannot be kept; their leases then run out by themselves.
 */
export type DispatchSlices = (
  notices: readonly SliceNotice[],
  options: { readonly deadlineMs: number },
) => Promise<DispatchSlicesReport>;

/** How often the invocation looks at the time and at what waits. Unit: ms. */
const TICK_MS = 500;
/** A wait from here on is left to the sweeper, which looks every minute. Unit: ms. */
const LONGEST_PAID_WAIT_MS = 30_000;
/** Kept back for calls in flight: at most this, at most a quarter of all the time. Unit: ms. */
const LONGEST_DRAIN_MS = 30_000;
/** The engine's own leases last as long. Unit: ms. */
const LEASE_MS = 120_000;
/** Requests of a model the configuration does not name are looked at again after this. Unit: ms. */
const UNKNOWN_MODEL_MS = 300_000;

export function createDispatchSlices(deps: DispatchSlicesDeps): DispatchSlices {
  const { clock, models, telemetry } = deps;

  return async (notices, { deadlineMs }) => {
    const startedAtMs = clock.nowMs();
    const stopAtMs = deadlineMs - Math.min(LONGEST_DRAIN_MS, (deadlineMs - startedAtMs) / 4);
    const owner = deps.random.id('worker_');
    const review = new ProviderReview(deps);
    const meter = new DispatchMeter(telemetry);
    const delivered = new DeliveredWork({ ...deps, heldUntilMs }, notices);
    await review.begin(providersOf(delivered.names()), deps.unusable);
    const dispatcher = createDispatcher({
      ...deps,
      work: delivered,
      results: deps.resultsOf(owner),
      owner,
      onTrial: review.onTrial,
      onPublished(results) {
        review.published(results);
        deps.teller?.published(results);
        meter.published(results, (tenant, id) => delivered.modelFor(tenant, id));
      },
      onProviderStopped: (stop) => review.stopped(stop),
    });
    const ended = new AbortController();
    const watching = watch(dispatcher, delivered, meter, {
      stopAtMs,
      deadlineMs,
      ended: ended.signal,
    });
    try {
      await dispatcher.run({ untilDrained: true });
    } finally {
      ended.abort();
    }
    const reason = await watching;
    await delivered.handBack(owner, clock.nowMs() + LEASE_MS);
    await review.settle();
    await deps.teller?.settle();
    const progress = dispatcher.progress();
    meter.ended(progress);
    const { sent, succeeded, failed, throttled } = progress;
    return { reason, sent, succeeded, failed, throttled };

    function heldUntilMs(model: string): number {
      const settings = models.get(model);
      if (settings === undefined) return startedAtMs + UNKNOWN_MODEL_MS;
      return review.heldUntilMs(settings.provider);
    }
  };

  /** Ends the dispatcher when there is a reason to, and says which. */
  async function watch(
    dispatcher: Dispatcher,
    delivered: DeliveredWork,
    meter: DispatchMeter,
    terms: { readonly stopAtMs: number; readonly deadlineMs: number; readonly ended: AbortSignal },
  ): Promise<DispatchSlicesReport['reason']> {
    let reason: DispatchSlicesReport['reason'] = 'drained';
    while (!terms.ended.aborted) {
      await clock.sleep(TICK_MS, terms.ended);
      const nowMs = clock.nowMs();
      if (terms.ended.aborted) break;
      meter.sample(dispatcher.progress());
      if (nowMs >= terms.deadlineMs) {
        dispatcher.abort();
      } else if (reason !== 'drained') {
        // Stopping already: only the deadline is left to watch.
      } else if (nowMs >= terms.stopAtMs) {
        reason = 'deadline';
        delivered.close();
        dispatcher.stop();
      } else if (nothingMovesBefore(nowMs + LONGEST_PAID_WAIT_MS, dispatcher, terms.stopAtMs)) {
        reason = 'parked';
        delivered.close();
        dispatcher.stop();
      } else if (hasRoom(dispatcher)) {
        dispatcher.wake();
      }
    }
    return reason;
  }

  function nothingMovesBefore(atMs: number, dispatcher: Dispatcher, stopAtMs: number): boolean {
    const busy = dispatcher.progress().models.filter(isBusy);
    const soonestMs = Math.min(...busy.map(({ quietUntilMs }) => quietUntilMs));
    return busy.length > 0 && soonestMs >= Math.min(atMs, stopAtMs);
  }

  function providersOf(names: readonly string[]): Set<string> {
    const providers = names.flatMap((model) => {
      const settings = models.get(model);
      if (settings === undefined) telemetry.log('error', 'Model is not configured', { model });
      return settings?.provider ?? [];
    });
    return new Set(providers);
  }
}

function isBusy({ inFlight, waiting }: { inFlight: number; waiting: number }): boolean {
  return inFlight + waiting > 0;
}

/** True when a model has sent nearly all it holds, and may look for more. */
function hasRoom(dispatcher: Dispatcher): boolean {
  return dispatcher.progress().models.some(({ inFlight, waiting }) => waiting <= inFlight);
}
