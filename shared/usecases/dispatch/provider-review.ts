/**
 * Which providers one invocation may call. A provider that refused its key or its account is held
 * for everybody; once a hold is due for review, one request tries whether it works again.
 */

import type { ProviderStop } from '../../domain/capacity/provider-stop.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ProviderHold, ProviderHolds } from '../../ports/provider-holds.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { PublishedResult } from '../dispatch-progress.ts';

/** A hold is looked at again after as long as it has lasted, within these bounds. Unit: ms. */
const SOONEST_REVIEW_MS = 60_000;
const LATEST_REVIEW_MS = 900_000;

export interface ProviderReviewDeps {
  readonly holds: ProviderHolds;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export class ProviderReview {
  /** Providers that one request tries first. */
  readonly onTrial = new Set<string>();
  private readonly deps: ProviderReviewDeps;
  private readonly holds = new Map<string, ProviderHold>();
  /** When each hold known here began; a failed trial does not begin it anew. */
  private readonly heldSince = new Map<string, number>();
  private readonly writes: Promise<void>[] = [];

  constructor(deps: ProviderReviewDeps) {
    this.deps = deps;
  }

  /**
   * Reads the holds, and decides for each provider that is needed: call it, try it, or leave it.
   * Those in `unusable` cannot be called from here at all, whatever the holds say.
   */
  async begin(needed: ReadonlySet<string>, unusable: readonly ProviderStop[]): Promise<void> {
    const nowMs = this.deps.clock.nowMs();
    for (const hold of await this.deps.holds.list()) {
      this.holds.set(hold.provider, hold);
      this.heldSince.set(hold.provider, hold.heldAtMs);
    }
    for (const stop of unusable) {
      const isDue = (this.holds.get(stop.provider)?.reviewAtMs ?? 0) <= nowMs;
      if (needed.has(stop.provider) && isDue) this.hold(stop);
    }
    for (const provider of needed) {
      const hold = this.holds.get(provider);
      if (hold === undefined || hold.reviewAtMs > nowMs) continue;
      // Put off for everybody else first: the trial is ours. Two at the same moment cost a call.
      this.hold(hold);
      this.holds.delete(provider);
      this.onTrial.add(provider);
    }
    await this.settle();
  }

  /** Instant until which the provider is not called; 0 while it may be. Unit: ms since the epoch. */
  heldUntilMs(provider: string): number {
    return this.holds.get(provider)?.reviewAtMs ?? 0;
  }

  /** The provider must not be called any more. */
  stopped(stop: ProviderStop): void {
    this.onTrial.delete(stop.provider);
    this.hold(stop);
  }

  /** An answer, good or bad, of a provider on trial ends its hold. */
  published(results: readonly PublishedResult[]): void {
    for (const { outcome } of results) {
      if (outcome.statusCode === 0 || !this.onTrial.delete(outcome.provider)) continue;
      this.deps.telemetry.log('info', 'Provider answers again', { provider: outcome.provider });
      this.writes.push(this.deps.holds.release(outcome.provider));
    }
  }

  /** Resolves when every hold and release is recorded. */
  async settle(): Promise<void> {
    await Promise.all(this.writes.splice(0));
  }

  private hold({ provider, code, message }: ProviderStop): void {
    const nowMs = this.deps.clock.nowMs();
    const heldAtMs = this.heldSince.get(provider) ?? nowMs;
    this.heldSince.set(provider, heldAtMs);
    const pauseMs = Math.min(LATEST_REVIEW_MS, Math.max(SOONEST_REVIEW_MS, nowMs - heldAtMs));
    const hold = { provider, code, message, heldAtMs, reviewAtMs: nowMs + pauseMs };
    this.holds.set(provider, hold);
    this.deps.telemetry.log('error', 'Provider held', { ...hold });
    this.writes.push(this.deps.holds.hold(hold));
  }
}
