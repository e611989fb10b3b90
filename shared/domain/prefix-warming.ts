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

interface Prefix {
  leaderId: string;
  heldUntilMs: number;
  /** When its cache entry was last used; `null` while warming. */
  usedAtMs: number | null;
}

export class PrefixWarming {
  private readonly prefixes = new Map<string, Prefix>();

  /** Time the request must wait for its leader; 0 when it may go, as leader or follower. */
  holdMs(prefixKey: string | null, nowMs: number): number {
    if (prefixKey === null) return 0;
    const prefix = this.prefixes.get(prefixKey);
    if (prefix === undefined || prefix.usedAtMs !== null) return 0;
    return Math.max(0, prefix.heldUntilMs - nowMs);
  }

  /** Says that the request leaves. `queueMs` is how long the queue behind it will take. */
  sent(prefixKey: string | null, requestId: string, queueMs: number, nowMs: number): void {
    if (prefixKey === null) return;
    const prefix = this.prefixes.get(prefixKey);
    const isWarm =
      prefix !== undefined && prefix.usedAtMs !== null && nowMs - prefix.usedAtMs < WARM_MS;
    if (isWarm) {
      prefix.usedAtMs = nowMs;
    } else if (prefix === undefined || prefix.usedAtMs !== null) {
      const holdMs = Math.min(LONGEST_HOLD_MS, queueMs * HOLD_SHARE);
      this.prefixes.set(prefixKey, {
        leaderId: requestId,
        heldUntilMs: nowMs + holdMs,
        usedAtMs: null,
      });
      this.forgetOld(nowMs);
    }
  }

  /** Says that a call of this opening ended; the opening counts as cached from then on. */
  ended(prefixKey: string | null, isAnswered: boolean, nowMs: number): void {
    if (prefixKey === null) return;
    const prefix = this.prefixes.get(prefixKey);
    if (prefix === undefined) return;
    if (isAnswered) prefix.usedAtMs = nowMs;
    else if (prefix.usedAtMs === null) this.prefixes.delete(prefixKey);
  }

  private forgetOld(nowMs: number): void {
    if (this.prefixes.size < 10_000) return;
    for (const [key, prefix] of this.prefixes) {
      if (nowMs - (prefix.usedAtMs ?? prefix.heldUntilMs) > WARM_MS) this.prefixes.delete(key);
    }
  }
}
