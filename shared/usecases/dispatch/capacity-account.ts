/** What one worker knows of a model's limits, buys of them, and owes to the other workers. */

import { learn } from '../../domain/capacity/capacity-learning.ts';
import { type Claim, giveBack, purchase } from '../../domain/capacity/capacity-purchase.ts';
import { type CapacityState, openState } from '../../domain/capacity/capacity-state.ts';
import { LimitObserver, type SentCall } from '../../domain/capacity/limit-observer.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import { DIMENSIONS, type ProviderOutcome } from '../../domain/capacity/provider-outcome.ts';
import { withoutWorker } from '../../domain/capacity/worker-shares.ts';
import type { LeasedRequest } from '../../domain/requests/request.ts';
import type { CapacityStore } from '../../ports/capacity-store.ts';
import type { Clock } from '../../ports/clock.ts';

/** How far ahead capacity is bought. Unit: ms. */
const HORIZON_MS = 200;
/** Calls at once where nothing else limits them, and where rates do. */
const UNLIMITED_CONCURRENCY = 64;
const RATED_CONCURRENCY = 1_536;

export interface CapacityAccountDeps {
  readonly capacity: CapacityStore;
  readonly settings: ModelSettings;
  readonly clock: Clock;
  readonly owner: string;
}

type Reply = ReturnType<typeof purchase>['value'];

export class CapacityAccount {
  private readonly deps: CapacityAccountDeps;
  private readonly observer: LimitObserver;
  private unused: Claim[] = [];
  /** Outcomes have taught something that other workers do not know yet. */
  private hasNews = false;
  /** Counted among the workers that share the limit. */
  private hasShare = false;
  private known: CapacityState | null = null;
  private granted: number | null = null;

  constructor(deps: CapacityAccountDeps) {
    this.deps = deps;
    this.observer = new LimitObserver(deps.settings.charging, deps.owner);
  }

  /** The limits as they were with the last purchase; `null` before the first. */
  get state(): CapacityState | null {
    return this.known;
  }

  /** Calls that may be in flight at once. */
  get concurrency(): number {
    const hasRates = this.known !== null && Object.keys(this.known.limits).length > 0;
    return this.granted ?? (hasRates ? RATED_CONCURRENCY : UNLIMITED_CONCURRENCY);
  }

  /** What a request will take of each limit, as far as can be told. */
  claimOf({ inputTokens, maxOutputTokens }: LeasedRequest): Claim {
    const output = Math.ceil(maxOutputTokens * this.observer.expectedOutputRatio);
    const isProduced = this.deps.settings.charging === 'as_produced';
    return {
      requests: 1,
      inputTokens,
      outputTokens: output,
      totalTokens: inputTokens + (isProduced ? output : maxOutputTokens),
    };
  }

  /** What a sum of requests takes of each limit that is known. Unit: minutes. */
  minutesFor(totals: Claim): number[] {
    return DIMENSIONS.flatMap((dimension) => {
      const declared = this.deps.settings.limits.perMinute[dimension];
      const perMinute = declared ?? this.known?.limits[dimension]?.perMinute;
      return perMinute === undefined ? [] : [totals[dimension] / perMinute];
    });
  }

  /** Buys for as many of the claims as there is capacity for, from the first on. */
  async buy(
    claims: readonly Claim[],
    { inFlight, ...instants }: { inFlight: number; beginsAtMs: number; nowMs: number },
  ): Promise<{ readonly reply: Reply; readonly state: CapacityState }> {
    const { capacity, owner, settings } = this.deps;
    const { nowMs } = instants;
    const lessons = this.observer.report(inFlight, nowMs);
    this.hasNews = false;
    const { pendingUnits, unconfirmedUnits } = this.observer;
    const returned = this.unused;
    this.unused = [];
    const order = { owner, claims, horizonMs: HORIZON_MS, ...instants, pendingUnits };
    const { reply, state } = await capacity.transact(settings.name, (stored) => {
      const opened = giveBack(openState(stored, settings.limits, nowMs), returned);
      const learnt = learn(opened, lessons, nowMs);
      const bought = purchase(learnt, { ...order, unconfirmedUnits });
      return { state: bought.state, value: { reply: bought.value, state: bought.state } };
    });
    this.known = state;
    this.hasShare = true;
    if (reply.kind === 'deferred') {
      this.observer.resync(state, [], nowMs);
    } else {
      this.observer.resync(state, claims.slice(0, reply.offsetsMs.length), nowMs);
      this.granted = reply.concurrency;
    }
    return { reply, state };
  }

  /** Capacity bought in vain; the store has it back with the next purchase or settlement. */
  giveBack(claims: readonly Claim[]): void {
    this.unused.push(...claims);
  }

  sent(claim: Claim, nowMs: number): SentCall {
    return this.observer.sent(claim, nowMs);
  }

  received(call: SentCall, outcome: ProviderOutcome, maxOutputTokens: number, nowMs: number): void {
    this.hasNews = true;
    this.observer.received(call, outcome, maxOutputTokens, nowMs);
  }

  /**
   * Gives back capacity bought in vain and tells the others what the last answers taught; once
   * nothing is in flight here, the share goes to them as well.
   */
  async settle(inFlight: number): Promise<void> {
    const isLeaving = this.hasShare && inFlight === 0;
    if (this.unused.length === 0 && !this.hasNews && !isLeaving) return;
    const { capacity, clock, owner } = this.deps;
    const nowMs = clock.nowMs();
    const returned = this.unused;
    const lessons = this.observer.report(inFlight, nowMs);
    this.unused = [];
    this.hasNews = false;
    if (isLeaving) this.hasShare = false;
    const { name, limits } = this.deps.settings;
    await capacity.transact(name, (stored) => {
      const opened = giveBack(openState(stored, limits, nowMs), returned);
      const learnt = learn(opened, lessons, nowMs);
      return { state: isLeaving ? withoutWorker(learnt, owner) : learnt, value: null };
    });
  }
}
