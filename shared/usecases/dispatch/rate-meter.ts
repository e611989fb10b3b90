import type { Claim } from '../../domain/capacity/capacity-purchase.ts';
import { type CapacityState, effectivePerMinute } from '../../domain/capacity/capacity-state.ts';
import { DIMENSIONS, type Dimension } from '../../domain/capacity/provider-outcome.ts';

const WINDOW_SECONDS = 5;

/** How much of each limit the calls of the last seconds took. */
export class RateMeter {
  private seconds: { second: number; taken: Record<Dimension, number> }[] = [];
  private startedAtMs: number | null = null;

  add(claim: Claim, nowMs: number): void {
    this.startedAtMs ??= nowMs;
    const second = Math.floor(nowMs / 1_000);
    let current = this.seconds.at(-1);
    if (current?.second !== second) {
      current = {
        second,
        taken: { requests: 0, inputTokens: 0, outputTokens: 0, totalTokens: 0 },
      };
      this.seconds.push(current);
      if (this.seconds.length > WINDOW_SECONDS + 1) this.seconds.shift();
    }
    for (const dimension of DIMENSIONS) current.taken[dimension] += claim[dimension];
  }

  /** The limit used most, and its share; `null` while there are no limits. */
  binding(
    state: CapacityState | null,
    nowMs: number,
  ): { dimension: Dimension; share: number } | null {
    if (state === null || this.startedAtMs === null) return null;
    const since = Math.floor(nowMs / 1_000) - WINDOW_SECONDS;
    const recent = this.seconds.filter(({ second }) => second >= since);
    const spanMs = Math.min(nowMs - this.startedAtMs, nowMs - since * 1_000);
    if (spanMs < 500) return null;
    let binding: { dimension: Dimension; share: number } | null = null;
    for (const dimension of DIMENSIONS) {
      const limit = state.limits[dimension];
      if (limit === undefined) continue;
      const taken = recent.reduce((sum, { taken: units }) => sum + units[dimension], 0);
      const charged = (taken * limit.chargePerMille) / 1_000;
      const share = charged / ((effectivePerMinute(limit, state.ratePerMille) * spanMs) / 60_000);
      if (binding === null || share > binding.share) binding = { dimension, share };
    }
    return binding;
  }
}
