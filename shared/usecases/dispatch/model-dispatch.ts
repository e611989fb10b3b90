/**
 * Dispatches the requests of one model: leases them, buys capacity for the next ones, lets them
 * leave at the pace bought, and decides what each outcome means.
 */

import { METRICS } from '../../contracts/metric-names.ts';
import { PrefixWarming } from '../../domain/caching/prefix-warming.ts';
import type { Claim } from '../../domain/capacity/capacity-purchase.ts';
import { CircuitBreaker } from '../../domain/capacity/circuit-breaker.ts';
import type { SentCall } from '../../domain/capacity/limit-observer.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import type { ProviderFailure, ProviderOutcome } from '../../domain/capacity/provider-outcome.ts';
import type { ProviderStop } from '../../domain/capacity/provider-stop.ts';
import {
  decideRetry,
  isProviderDown,
  type RetryBudget,
  type RetryPolicy,
} from '../../domain/capacity/retry-policy.ts';
import { type CallPlan, chooseLane } from '../../domain/lanes/choose-lane.ts';
import type { Lane } from '../../domain/lanes/lane.ts';
import type { CapacityStore } from '../../ports/capacity-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CompletionProvider } from '../../ports/completion-provider.ts';
import type { PayloadStore } from '../../ports/payload-store.ts';
import type { Random } from '../../ports/random.ts';
import type { LeaseRef, WorkStore } from '../../ports/request-store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { ModelProgress } from '../dispatch-progress.ts';
import { attempt, refused, resultOf } from './attempt.ts';
import { CapacityAccount } from './capacity-account.ts';
import { Chunk, NOTHING_BOUGHT } from './chunk.ts';
import type { DispatchTally } from './dispatch-tally.ts';
import type { Publisher } from './publisher.ts';
import { RateMeter } from './rate-meter.ts';
import { Wakeup } from './wakeup.ts';
import { createWork, type Work, WorkQueue } from './work-queue.ts';

export interface ModelDispatchDeps {
  readonly work: WorkStore;
  readonly payloads: PayloadStore;
  readonly capacity: CapacityStore;
  readonly provider: CompletionProvider;
  readonly settings: ModelSettings;
  readonly publisher: Publisher;
  readonly tally: DispatchTally;
  readonly budget: RetryBudget;
  readonly retryPolicy: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly owner: string;
  readonly leaseMs: number;
  /** Aborted only when calls in flight must not be waited for. */
  readonly abortCalls: AbortSignal;
  /** A fault that ends the whole dispatcher, e.g. a full disk. */
  readonly onFatal: (error: unknown) => void;
  readonly onProviderStop: (stop: ProviderStop) => void;
  /** The last request held here has ended. */
  readonly onIdle: () => void;
}

/** How long before a chunk ends the next is bought. Unit: ms. */
const PURCHASE_LEAD_MS = 10;
const MOST_CLAIMS = 1_024;
const MOST_LEASED_WAITING = 1_024;
/** Bodies held in memory ahead of their calls. Unit: bytes. */
const LOADED_BYTES = 32 * 1_024 * 1_024;
const UNPROVEN_CONCURRENCY = 64;
/** How long a model without work waits before it looks again unasked. Unit: ms. */
const IDLE_MS = 1_000;
/** A backlog of fewer is answered before an opening is warm. */
const WORTH_WARMING = 16;
/** A provider that answers nothing for so long is given up until a person acts. Unit: ms. */
const UNREACHABLE_GIVE_UP_MS = 120_000;
/** Wait that earns one retry when the retry budget is spent. Unit: ms. */
const BUDGET_WAIT_MS = 1_000;
/** Going back by more than this is no jitter. Unit: ms. */
const CLOCK_SET_BACK_MS = 1_000;

export class ModelDispatch {
  readonly settings: ModelSettings;
  private readonly deps: ModelDispatchDeps;
  private readonly account: CapacityAccount;
  private readonly breaker = new CircuitBreaker();
  private readonly warming = new PrefixWarming();
  private readonly queue = new WorkQueue(this.warming);
  private readonly meter = new RateMeter();
  private readonly wakeup: Wakeup;
  private readonly inFlight = new Map<string, Work>();
  /** Answered, and not yet published. */
  private publishing = 0;
  private sent = 0;
  private chunk = NOTHING_BOUGHT;
  private nextChunkAtMs = 0;
  private pausedUntilMs = 0;
  private steppedAtMs = 0;
  private hasOutcome = false;
  private hasMoreStored = true;
  private isStopping = false;
  private stoppedProvider = false;
  /** Instant until which nothing can leave as things stand; 0 when it is not known. */
  private quietUntilMs = 0;

  constructor(deps: ModelDispatchDeps) {
    this.deps = deps;
    this.settings = deps.settings;
    this.account = new CapacityAccount(deps);
    this.wakeup = new Wakeup(deps.clock);
  }

  /** True while requests are leased, in flight or being published here. */
  get isBusy(): boolean {
    return this.queue.size + this.chunk.left + this.inFlight.size + this.publishing > 0;
  }

  get progress(): ModelProgress {
    const nowMs = this.deps.clock.nowMs();
    const binding = this.meter.binding(this.account.state, nowMs);
    return {
      model: this.settings.name,
      provider: this.settings.provider,
      sent: this.sent,
      inFlight: this.inFlight.size,
      waiting: this.queue.size + this.chunk.left,
      limitUsed: binding?.share ?? null,
      boundBy: binding?.dimension ?? null,
      pausedUntilMs: this.pausedUntilMs > nowMs ? this.pausedUntilMs : 0,
      quietUntilMs: this.isQuiet && this.quietUntilMs > nowMs ? this.quietUntilMs : 0,
    };
  }

  /** True while requests are held here and none of them is on its way. */
  private get isQuiet(): boolean {
    return this.queue.size > 0 && this.chunk.left + this.inFlight.size + this.publishing === 0;
  }

  /** New work may be in the store. */
  wake(): void {
    this.hasMoreStored = true;
    this.wakeup.notify();
  }

  /** Tells how long the whole backlog will take, so that a short queue is not held up. */
  setBacklog(requests: number, inputTokens: number, maxOutputTokens: number): void {
    const minutes = this.account.minutesFor({
      requests,
      inputTokens,
      outputTokens: maxOutputTokens,
      totalTokens: inputTokens + maxOutputTokens,
    });
    // Where no limit is known none is wasted by waiting, and a single answer is all that it costs.
    const unlimitedMs = requests >= WORTH_WARMING ? Number.POSITIVE_INFINITY : 0;
    this.warming.setQueueMs(minutes.length === 0 ? unlimitedMs : Math.max(...minutes) * 60_000);
  }

  stop(): void {
    this.isStopping = true;
    this.wakeup.notify();
  }

  /** Holds or releases the model because its provider is, or no longer is, unusable. */
  setProviderStopped(isStopped: boolean): void {
    if (this.stoppedProvider && !isStopped) this.beginTrial();
    this.stoppedProvider = isStopped;
    this.wakeup.notify();
  }

  /** Lets one request ask whether the provider is usable; the rest follow its answer. */
  beginTrial(): void {
    this.breaker.trip(this.deps.clock.nowMs(), 0);
  }

  withdraw(id: string): void {
    const work = this.queue.find(id) ?? this.chunk.find(id);
    if (work !== undefined) work.isWithdrawn = true;
  }

  /** Leases held here, for heartbeats. */
  leases(): LeaseRef[] {
    const held = [...this.chunk.rest, ...this.inFlight.values()];
    return [...held, ...this.queue.all()].map(({ request }) => request);
  }

  /** Works until stopped; then hands back what was not sent and waits for what was. */
  async run(): Promise<void> {
    try {
      while (!this.isStopping) {
        await this.wakeup.wait(await this.step());
      }
      await this.handBack();
      while (this.inFlight.size + this.publishing > 0) {
        await this.wakeup.wait(IDLE_MS);
      }
      // Calls that ended meanwhile may have come back to the queue.
      await this.handBack();
    } catch (error) {
      this.deps.onFatal(error);
    }
  }

  /** Does all that can be done now; returns how long there is nothing to do. Unit: ms. */
  private async step(): Promise<number> {
    if (this.stoppedProvider) {
      await this.handBack();
      return IDLE_MS;
    }
    const { clock } = this.deps;
    this.noticeClockSetBack(clock.nowMs());
    await this.leaseMore();
    const retryMs = this.queue.promoteDue(clock.nowMs());
    await this.loadPayloads();
    const purchaseMs = await this.buyWhenDue();
    const releaseMs = this.releaseDue();
    this.quietUntilMs = clock.nowMs() + Math.min(retryMs, purchaseMs, releaseMs);
    const idleMs = this.hasMoreStored && this.queue.waitingCount === 0 ? 0 : IDLE_MS;
    return Math.max(0, Math.min(retryMs, purchaseMs, releaseMs, idleMs));
  }

  /** Instants planned on a clock that was set back since lie too far ahead to wait for. */
  private noticeClockSetBack(nowMs: number): void {
    if (nowMs < this.steppedAtMs - CLOCK_SET_BACK_MS) {
      this.returnChunk();
      this.nextChunkAtMs = nowMs;
      this.pausedUntilMs = 0;
    }
    this.steppedAtMs = nowMs;
  }

  private async leaseMore(): Promise<void> {
    if (!this.hasMoreStored || this.queue.waitingCount >= MOST_LEASED_WAITING / 2) return;
    const nowMs = this.deps.clock.nowMs();
    const limit = MOST_LEASED_WAITING - this.queue.waitingCount;
    const leased = await this.deps.work.lease({
      model: this.settings.name,
      owner: this.deps.owner,
      nowMs,
      expiresAtMs: nowMs + this.deps.leaseMs,
      limit,
    });
    this.hasMoreStored = leased.length === limit;
    this.queue.append(leased.map(createWork));
  }

  private async loadPayloads(): Promise<void> {
    const works = this.queue.unloaded(MOST_CLAIMS);
    if (works.length === 0) return;
    const fitting: Work[] = [];
    let bytes = this.queue.loadedBytes;
    for (const work of works) {
      bytes += work.request.body.length;
      if (bytes > LOADED_BYTES && fitting.length > 0) break;
      fitting.push(work);
    }
    const payloads = await this.deps.payloads.read(fitting.map(({ request }) => request.body));
    fitting.forEach((work, index) => {
      work.payload = payloads[index] ?? null;
    });
  }

  /** Buys the next chunk if this one is nearly spent; returns the time until that is so. */
  private async buyWhenDue(): Promise<number> {
    const nowMs = this.deps.clock.nowMs();
    if (this.chunk.left > 0) return Number.POSITIVE_INFINITY;
    const dueMs = Math.max(this.nextChunkAtMs - PURCHASE_LEAD_MS, this.pausedUntilMs) - nowMs;
    if (dueMs > 0) return dueMs;
    const breakerMs = this.breaker.waitMs(nowMs);
    if (breakerMs > 0) return breakerMs;
    const room = this.slots() - this.inFlight.size;
    if (room <= 0) return Number.POSITIVE_INFINITY;
    const isProbe = this.breaker.isOpen;
    const { works, heldMs } = this.queue.select(isProbe ? 1 : Math.min(room, MOST_CLAIMS), nowMs);
    const ready = await this.withoutEnded(works, nowMs);
    if (ready.length === 0) return works.length > 0 ? 0 : heldMs;
    return this.buy(ready, nowMs);
  }

  private async buy(works: readonly Work[], nowMs: number): Promise<number> {
    const claims = works.map(({ request }) => this.account.claimOf(request));
    const beginsAtMs = Math.max(nowMs, this.nextChunkAtMs);
    const terms = { inFlight: this.inFlight.size, beginsAtMs, nowMs };
    const { reply, state } = await this.account.buy(claims, terms);
    this.pausedUntilMs = state.pausedUntilMs;
    if (reply.kind === 'deferred') {
      const jitterMs = state.pausedUntilMs > nowMs ? this.deps.random.next() * 20 : 0;
      this.nextChunkAtMs = nowMs + reply.retryAfterMs + jitterMs + PURCHASE_LEAD_MS;
      return reply.retryAfterMs + jitterMs;
    }
    const granted = works.slice(0, reply.offsetsMs.length);
    this.queue.remove(granted);
    for (const { request } of granted) this.warming.sent(request.prefixKey, nowMs);
    this.chunk = new Chunk(granted, claims, beginsAtMs, reply.offsetsMs);
    this.nextChunkAtMs = beginsAtMs + reply.spanMs;
    return Number.POSITIVE_INFINITY;
  }

  /** Lets leave what is due; returns the time until the next is. Unit: ms. */
  private releaseDue(): number {
    const { chunk } = this;
    if (chunk.left === 0) return Number.POSITIVE_INFINITY;
    for (let next = chunk.peek(); next !== null; next = chunk.peek()) {
      const nowMs = this.deps.clock.nowMs();
      const dueMs = next.atMs - nowMs;
      if (dueMs > 0) return dueMs;
      if (this.inFlight.size >= this.slots()) return Number.POSITIVE_INFINITY;
      chunk.take();
      this.send(next.work, next.claim, nowMs);
    }
    // Spent: the next chunk may be due already.
    return 0;
  }

  private send(work: Work, claim: Claim, nowMs: number): void {
    const call = this.account.sent(claim, nowMs);
    this.meter.add(claim, nowMs);
    this.breaker.sent();
    this.deps.tally.sent += 1;
    this.sent += 1;
    work.attempts += 1;
    work.firstAttemptAtMs ??= nowMs;
    this.inFlight.set(work.request.id, work);
    this.execute(work, call).catch((error: unknown) => this.deps.onFatal(error));
  }

  private async execute(work: Work, call: SentCall): Promise<void> {
    const { provider, abortCalls } = this.deps;
    // This attempt is counted already.
    const plan = this.planOf(work, work.attempts - 1);
    const { lane } = plan;
    const outcome = await attempt(work, this.settings, provider, plan, abortCalls);
    const nowMs = this.deps.clock.nowMs();
    this.inFlight.delete(work.request.id);
    // The slot is free now: to publish may take a second where results are gathered.
    this.wakeup.notify();
    this.hasOutcome = true;
    this.account.received(call, outcome, work.request.maxOutputTokens, nowMs);
    this.warming.ended(work.request.prefixKey, outcome.kind === 'answered', nowMs);
    if (outcome.kind === 'answered') {
      this.breaker.answered();
      this.deps.budget.answered();
      await this.publish(work, outcome, lane);
    } else {
      await this.handleFailure(work, outcome, lane, nowMs);
    }
    this.wakeup.notify();
    if (!this.isBusy) this.deps.onIdle();
  }

  private async handleFailure(
    work: Work,
    failure: ProviderFailure,
    lane: Lane,
    nowMs: number,
  ): Promise<void> {
    const { tally, random, retryPolicy, telemetry } = this.deps;
    telemetry.log('debug', 'Attempt failed', {
      requestId: work.request.id,
      model: this.settings.name,
      code: failure.code,
      statusCode: failure.statusCode,
      attempts: work.attempts,
    });
    this.noteHealth(failure, nowMs);
    if (isProviderDown(failure.code)) work.overloads += 1;
    const decision = decideRetry(
      retryPolicy,
      {
        code: failure.code,
        attempts: work.attempts,
        overloads: work.overloads,
        retryAfterMs: failure.signals.retryAfterMs ?? null,
      },
      () => random.next(),
    );
    switch (decision.kind) {
      case 'give_up':
        await this.publish(work, failure, lane);
        return;
      case 'stop_provider':
        work.attempts -= 1;
        this.queue.putBack([work]);
        this.deps.onProviderStop(this.stopOf(failure));
        return;
      case 'defer':
        work.attempts -= 1;
        if (failure.code === 'lane_unavailable') work.isLiveOnly = true;
        else this.hold(failure, nowMs);
        this.queue.putBack([work]);
        return;
      case 'retry': {
        if (!decision.countsAsAttempt) work.attempts -= 1;
        tally.retried += 1;
        const hasBudget = this.deps.budget.take();
        if (!hasBudget) this.deps.budget.waited();
        this.queue.delay(work, nowMs + decision.delayMs + (hasBudget ? 0 : BUDGET_WAIT_MS));
      }
    }
  }

  /** After a refusal nothing more leaves until the provider's own instant; bought capacity goes back. */
  private hold(failure: ProviderFailure, nowMs: number): void {
    this.deps.tally.throttled += 1;
    this.deps.telemetry.count(METRICS.providerThrottled, 1, {
      provider: this.settings.provider,
      model: this.settings.name,
    });
    const retryAfterMs = failure.signals.retryAfterMs ?? 0;
    this.pausedUntilMs = Math.max(this.pausedUntilMs, nowMs + Math.min(retryAfterMs, 3_600_000));
    this.returnChunk();
    this.nextChunkAtMs = Math.min(this.nextChunkAtMs, nowMs);
  }

  private noteHealth(failure: ProviderFailure, nowMs: number): void {
    const isFault =
      failure.code === 'provider_overloaded' ||
      failure.code === 'provider_unreachable' ||
      failure.code === 'provider_timeout' ||
      failure.code === 'provider_error';
    if (!isFault) {
      this.breaker.undecided();
      return;
    }
    this.breaker.faulted(nowMs, () => this.deps.random.next());
    if (this.breaker.isOpen) {
      this.returnChunk();
      const sinceMs = this.breaker.failingSince;
      const isGone = sinceMs !== null && nowMs - sinceMs > UNREACHABLE_GIVE_UP_MS;
      if (isGone && failure.code === 'provider_unreachable') {
        this.deps.onProviderStop(this.stopOf(failure));
      }
    }
  }

  private async publish(work: Work, outcome: ProviderOutcome, lane: Lane): Promise<void> {
    this.publishing += 1;
    try {
      const nowMs = this.deps.clock.nowMs();
      const content = resultOf(work, outcome, this.settings, lane, nowMs);
      work.payload = null;
      if (await this.deps.publisher.publish(content)) this.deps.tally.published(content.outcome);
    } finally {
      this.publishing -= 1;
    }
  }

  /** Ends what its caller withdrew, or what is too late to start; returns the rest. */
  private async withoutEnded(works: readonly Work[], nowMs: number): Promise<Work[]> {
    const ready: Work[] = [];
    const ended: Work[] = [];
    for (const work of works) {
      const { deadlineAtMs } = work.request;
      const isLate = deadlineAtMs !== null && deadlineAtMs <= nowMs;
      if (work.isWithdrawn || isLate) ended.push(work);
      else ready.push(work);
    }
    if (ended.length === 0) return ready;
    this.queue.remove(ended);
    // A withdrawn request has its outcome already; the commit of this one changes nothing then.
    const outcome = (work: Work) =>
      work.isWithdrawn
        ? refused('cancelled', 'The request was cancelled before it was sent')
        : refused('deadline_exceeded', 'The completion window ended before a call could begin');
    await Promise.all(
      ended.map((work) => this.publish(work, outcome(work), this.planOf(work, work.attempts).lane)),
    );
    return ready;
  }

  private returnChunk(): void {
    const { chunk } = this;
    if (chunk.left === 0) return;
    this.account.giveBack(chunk.restClaims);
    this.queue.putBack(chunk.rest);
    this.chunk = NOTHING_BOUGHT;
  }

  /** Gives up the leases of what was not sent, and the capacity bought for it. */
  private async handBack(): Promise<void> {
    this.returnChunk();
    const works = this.queue.clear();
    if (works.length > 0) {
      const nowMs = this.deps.clock.nowMs();
      // Whoever leases it next shares the pause and the bucket, and would only wait for them too.
      const closedUntilMs = Math.ceil(Math.max(nowMs, this.pausedUntilMs, this.nextChunkAtMs));
      await this.deps.work.defer(
        works.map(({ work: { request, attempts, firstAttemptAtMs }, dueAtMs }) => ({
          id: request.id,
          tenant: request.tenant,
          fence: request.fence,
          notBeforeMs: Math.max(Math.ceil(dueAtMs), closedUntilMs),
          attempts,
          firstAttemptAtMs,
        })),
      );
      this.hasMoreStored = true;
    }
    await this.account.settle(this.inFlight.size);
  }

  private planOf({ request, isLiveOnly }: Work, attempts: number): CallPlan {
    const { lane, deadlineAtMs, maxOutputTokens } = request;
    const wanted = isLiveOnly ? 'live' : lane;
    const offered = this.settings.lanes;
    const facts = { wanted, offered, deadlineAtMs, maxOutputTokens, attempts };
    return chooseLane(facts, this.deps.clock.nowMs());
  }

  /** Calls that may be in flight at once. */
  private slots(): number {
    const limit = this.account.concurrency;
    // A wrong key or address shows with the first outcome; until then it costs few calls.
    return this.hasOutcome ? limit : Math.min(limit, UNPROVEN_CONCURRENCY);
  }

  private stopOf(failure: ProviderFailure): ProviderStop {
    return {
      provider: this.settings.provider,
      code: failure.code,
      message: failure.message,
    };
  }
}
