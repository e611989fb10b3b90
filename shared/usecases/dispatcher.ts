/**
 * The engine: works off whatever the store holds, model by model, until nothing is left or it is
 * told to stop.
 */

import type { ModelSettings } from '../domain/capacity/model-limits.ts';
import type { ProviderStop } from '../domain/capacity/provider-stop.ts';
import {
  DEFAULT_RETRY_POLICY,
  RetryBudget,
  type RetryPolicy,
} from '../domain/capacity/retry-policy.ts';
import type { CapacityStore } from '../ports/capacity-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { CompletionProvider } from '../ports/completion-provider.ts';
import type { PayloadStore, ResultLog } from '../ports/payload-store.ts';
import type { Random } from '../ports/random.ts';
import type { Backlog, WorkStore } from '../ports/request-store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { DispatchTally } from './dispatch/dispatch-tally.ts';
import { ModelDispatch } from './dispatch/model-dispatch.ts';
import { Publisher } from './dispatch/publisher.ts';
import { Wakeup } from './dispatch/wakeup.ts';
import type { DispatchProgress, PublishedResult } from './dispatch-progress.ts';

export interface DispatcherDeps {
  readonly work: WorkStore;
  readonly payloads: PayloadStore;
  readonly results: ResultLog;
  readonly capacity: CapacityStore;
  readonly providers: ReadonlyMap<string, CompletionProvider>;
  readonly models: ReadonlyMap<string, ModelSettings>;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Names this worker on leases; unique among workers alive. */
  readonly owner: string;
  readonly retryPolicy?: RetryPolicy;
  /** Called with each group of results once they are durable and published. Must not throw. */
  readonly onPublished?: (results: readonly PublishedResult[]) => void;
  /** Called when a provider must not be called any more, before its requests are handed back. Must not throw. */
  readonly onProviderStopped?: (stop: ProviderStop) => void;
  /** Providers that one request tries first, since they were unusable when last heard of. */
  readonly onTrial?: ReadonlySet<string>;
  /** Providers that take no batch until a person acts, where batches are made beside this worker. */
  readonly nativeStops?: () => readonly ProviderStop[];
}

export interface DispatchReport {
  readonly reason: 'drained' | 'stopped' | 'providers_stopped';
  readonly stops: readonly ProviderStop[];
}

export interface Dispatcher {
  /**
   * Works until every request is terminal (`untilDrained`), until `stop`, or until all that is
   * left belongs to providers that need a person. Rejects when results can no longer be kept.
   */
  run(options: { readonly untilDrained: boolean }): Promise<DispatchReport>;
  /** Admits nothing more; calls in flight finish and are published. */
  stop(): void;
  /** Ends calls in flight too; what they would have answered is asked again later. */
  abort(): void;
  /** New work was accepted. */
  wake(): void;
  /** The caller cancelled the request; it is not sent if it has not been yet. */
  withdraw(id: string): void;
  progress(): DispatchProgress;
}

const LEASE_MS = 120_000;
const HEARTBEAT_MS = LEASE_MS / 4;
/** How often the ledger is asked what is left, apart from being told. Unit: ms. */
const SURVEY_MS = 1_000;
const BACKLOG_MS = 10_000;
/** A stopped provider is tried again after this, by one request, where nobody waits for an exit. */
const STOP_REVIEW_MS = 30_000;

export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  return new Engine(deps);
}

class Engine implements Dispatcher {
  private readonly deps: DispatcherDeps;
  private readonly tally = new DispatchTally();
  private readonly budget = new RetryBudget();
  private readonly publisher: Publisher;
  private readonly wakeup: Wakeup;
  private readonly dispatches = new Map<string, ModelDispatch>();
  private readonly runs: Promise<void>[] = [];
  private readonly stops = new Map<string, { stop: ProviderStop; atMs: number }>();
  private readonly calls = new AbortController();
  private isStopping = false;
  private isWoken = false;
  private fatal: { error: unknown } | null = null;

  constructor(deps: DispatcherDeps) {
    this.deps = deps;
    this.wakeup = new Wakeup(deps.clock);
    this.publisher = new Publisher(deps.results, deps.work, (results) => {
      deps.onPublished?.(results);
      this.wakeup.notify();
    });
  }

  async run({ untilDrained }: { readonly untilDrained: boolean }): Promise<DispatchReport> {
    let reason: DispatchReport['reason'] = 'stopped';
    let heartbeatAtMs = this.deps.clock.nowMs() + HEARTBEAT_MS;
    let surveyAtMs = 0;
    try {
      while (!this.isStopping && this.fatal === null) {
        const nowMs = this.deps.clock.nowMs();
        if (nowMs >= heartbeatAtMs) {
          heartbeatAtMs = nowMs + HEARTBEAT_MS;
          await this.heartbeat(nowMs);
        }
        if (!untilDrained) this.reviewStops(nowMs);
        const isIdle = ![...this.dispatches.values()].some(({ isBusy }) => isBusy);
        if (isIdle || this.isWoken || nowMs >= surveyAtMs) {
          this.isWoken = false;
          surveyAtMs = nowMs + BACKLOG_MS;
          const end = this.survey(await this.deps.work.backlog(), isIdle && untilDrained);
          if (end !== null) {
            reason = end;
            break;
          }
        }
        await this.wakeup.wait(SURVEY_MS);
      }
    } finally {
      for (const dispatch of this.dispatches.values()) dispatch.stop();
      await Promise.all(this.runs);
    }
    // Read through a call: the callbacks that set it ran while we awaited.
    const fatal = this.readFatal();
    if (fatal !== null) throw fatal.error;
    return { reason, stops: this.listStops() };
  }

  stop(): void {
    this.isStopping = true;
    for (const dispatch of this.dispatches.values()) dispatch.stop();
    this.wakeup.notify();
  }

  abort(): void {
    this.calls.abort();
    this.stop();
  }

  wake(): void {
    this.isWoken = true;
    for (const dispatch of this.dispatches.values()) dispatch.wake();
    this.wakeup.notify();
  }

  withdraw(id: string): void {
    for (const dispatch of this.dispatches.values()) dispatch.withdraw(id);
  }

  progress(): DispatchProgress {
    const models = [...this.dispatches.values()].map(({ progress }) => progress);
    const { tally } = this;
    return {
      succeeded: tally.succeeded,
      failed: tally.failed,
      inFlight: models.reduce((sum, { inFlight }) => sum + inFlight, 0),
      sent: tally.sent,
      throttled: tally.throttled,
      retried: tally.retried,
      costMicroUsd: tally.costMicroUsd,
      inputTokens: tally.inputTokens,
      cachedInputTokens: tally.cachedInputTokens,
      outputTokens: tally.outputTokens,
      unmetered: tally.unmetered,
      models,
      stops: this.listStops(),
    };
  }

  /** Starts what has work; says whether, and why, there is nothing left to wait for. */
  private survey(
    backlog: readonly Backlog[],
    mayEnd: boolean,
  ): 'drained' | 'providers_stopped' | null {
    for (const { model, route, requests, inputTokens, maxOutputTokens } of backlog) {
      // Of one that is not configured nobody but this tells.
      if (route === 'native' && this.deps.models.get(model) !== undefined) continue;
      const dispatch = this.dispatchOf(model);
      dispatch?.setBacklog(requests, inputTokens, maxOutputTokens);
      if (dispatch?.isBusy === false) dispatch.wake();
    }
    if (!mayEnd) return null;
    if (backlog.length === 0) return 'drained';
    const nativeStops = new Set(this.deps.nativeStops?.().map(({ provider }) => provider));
    const isHeld = ({ model, route }: Backlog): boolean => {
      const provider = this.deps.models.get(model)?.provider;
      if (provider === undefined) return true;
      return route === 'native' ? nativeStops.has(provider) : this.stops.has(provider);
    };
    return backlog.every(isHeld) ? 'providers_stopped' : null;
  }

  private dispatchOf(model: string): ModelDispatch | null {
    const known = this.dispatches.get(model);
    if (known !== undefined) return known;
    const settings = this.deps.models.get(model);
    const provider = settings && this.deps.providers.get(settings.provider);
    if (settings === undefined || provider === undefined) {
      this.stops.set(model, {
        atMs: this.deps.clock.nowMs(),
        stop: {
          provider: settings?.provider ?? model,
          code: 'unknown_model',
          message: `Requests for ${model} are stored, and the configuration no longer names it`,
        },
      });
      return null;
    }
    const dispatch = new ModelDispatch({
      ...this.deps,
      settings,
      provider,
      publisher: this.publisher,
      tally: this.tally,
      budget: this.budget,
      retryPolicy: this.deps.retryPolicy ?? DEFAULT_RETRY_POLICY,
      leaseMs: LEASE_MS,
      abortCalls: this.calls.signal,
      onFatal: (error) => {
        this.fatal ??= { error };
        this.stop();
      },
      onProviderStop: (stop) => this.stopProvider(stop),
      onIdle: () => this.wakeup.notify(),
    });
    if (this.deps.onTrial?.has(settings.provider)) dispatch.beginTrial();
    this.dispatches.set(model, dispatch);
    this.runs.push(dispatch.run());
    return dispatch;
  }

  private stopProvider(stop: ProviderStop): void {
    if (this.stops.has(stop.provider)) return;
    this.stops.set(stop.provider, { stop, atMs: this.deps.clock.nowMs() });
    this.deps.telemetry.log('error', 'Provider stopped', { ...stop });
    this.deps.onProviderStopped?.(stop);
    this.setStopped(stop.provider, true);
    this.wakeup.notify();
  }

  private reviewStops(nowMs: number): void {
    for (const [provider, { atMs }] of this.stops) {
      if (nowMs - atMs < STOP_REVIEW_MS) continue;
      this.stops.delete(provider);
      this.setStopped(provider, false);
      this.isWoken = true;
    }
  }

  private setStopped(provider: string, isStopped: boolean): void {
    for (const dispatch of this.dispatches.values()) {
      if (dispatch.settings.provider === provider) dispatch.setProviderStopped(isStopped);
    }
  }

  private async heartbeat(nowMs: number): Promise<void> {
    const leases = [...this.dispatches.values()].flatMap((dispatch) => dispatch.leases());
    if (leases.length === 0) return;
    await this.deps.work.extend(leases, nowMs + LEASE_MS);
    for (const id of await this.deps.work.withdrawn(leases)) this.withdraw(id);
  }

  private listStops(): ProviderStop[] {
    const stops = [...this.stops.values()].map(({ stop }) => stop);
    const known = new Set(stops.map(({ provider }) => provider));
    const native = (this.deps.nativeStops?.() ?? []).filter(({ provider }) => !known.has(provider));
    return [...stops, ...native];
  }

  private readFatal(): { error: unknown } | null {
    return this.fatal;
  }
}
