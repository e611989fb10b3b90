/**
 * Warming: the first request of a long shared opening goes ahead, the rest follow once the
 * provider's prompt cache holds it, so that the opening is paid in full once and not by all that
 * happen to leave together.
 */

/** Longest time followers wait for their leader. Unit: ms. */
const LONGEST_HOLD_MS = 2_000;
/** A hold may cost at most this share of the time the queue still needs. */
const HOLD_SHARE = 0.01;
/** Providers keep an unused cached opening for five minutes at least. Unit: ms. */
const WARM_MS = 5 * 60_000;
const REMEMBERED_PREFIXES = 10_000;

interface Prefix {
  readonly heldUntilMs: number;
  /** When its cache entry was last used; `null` while warming. */
  usedAtMs: number | null;
}

export class PrefixWarming {
  private readonly prefixes = new Map<string, Prefix>();
  private queueMs = 0;

  /** How long the queue will take: a short one is not held up for the sake of a discount. */
  setQueueMs(queueMs: number): void {
    this.queueMs = queueMs;
  }

  /** How long followers of a leader that leaves now would wait at most. Unit: ms. */
  get followerHoldMs(): number {
    return Math.min(LONGEST_HOLD_MS, this.queueMs * HOLD_SHARE);
  }

  /** Time the request must wait for its leader; 0 when it may go, as leader or follower. */
  holdMs(prefixKey: string, nowMs: number): number {
    const prefix = this.prefixes.get(prefixKey);
    if (prefix === undefined || prefix.usedAtMs !== null) return 0;
    return Math.max(0, prefix.heldUntilMs - nowMs);
  }

  /** True once a request of this opening has left. */
  isKnown(prefixKey: string): boolean {
    return this.prefixes.has(prefixKey);
  }

  /** True when nobody has led this opening yet, or its cache entry is too old. */
  isCold(prefixKey: string, nowMs: number): boolean {
    const prefix = this.prefixes.get(prefixKey);
    if (prefix === undefined) return true;
    return prefix.usedAtMs !== null && nowMs - prefix.usedAtMs >= WARM_MS;
  }

  /** Says that a request of this opening leaves. */
  sent(prefixKey: string | null, nowMs: number): void {
    if (prefixKey === null) return;
    if (this.isCold(prefixKey, nowMs)) {
      this.prefixes.set(prefixKey, {
        heldUntilMs: nowMs + this.followerHoldMs,
        usedAtMs: null,
      });
      this.forgetOld(nowMs);
      return;
    }
    const prefix = this.prefixes.get(prefixKey);
    if (prefix !== undefined && prefix.usedAtMs !== null) prefix.usedAtMs = nowMs;
  }

  /** Says that a call of this opening ended; the opening counts as cached from then on. */
  ended(prefixKey: string | null, isAnswered: boolean, nowMs: number): void {
    const prefix = prefixKey === null ? undefined : this.prefixes.get(prefixKey);
    if (prefixKey === null || prefix === undefined) return;
    if (isAnswered) prefix.usedAtMs = nowMs;
    else if (prefix.usedAtMs === null) this.prefixes.delete(prefixKey);
  }

  private forgetOld(nowMs: number): void {
    if (this.prefixes.size < REMEMBERED_PREFIXES) return;
    for (const [key, { usedAtMs, heldUntilMs }] of this.prefixes) {
      if (nowMs - (usedAtMs ?? heldUntilMs) > WARM_MS) this.prefixes.delete(key);
    }
  }
}
