/**
 * Circuit breaker of one model: after a run of faults calls stop, then one probe at a time asks
 * whether the provider is back.
 */

export interface BreakerSettings {
  /** Faults in a row, no answer in between, that open it. @default 10 */
  readonly faultsToOpen: number;
  /** First hold; doubles with each failed probe. Unit: ms. @default 1000 */
  readonly baseOpenMs: number;
  /** Unit: ms. @default 30000 */
  readonly longestOpenMs: number;
}

export const DEFAULT_BREAKER: BreakerSettings = {
  faultsToOpen: 10,
  baseOpenMs: 1_000,
  longestOpenMs: 30_000,
};

export class CircuitBreaker {
  private readonly settings: BreakerSettings;
  private faultsInARow = 0;
  private opened = 0;
  private openUntilMs = 0;
  private isProbing = false;
  private failingSinceMs: number | null = null;

  constructor(settings: BreakerSettings = DEFAULT_BREAKER) {
    this.settings = settings;
  }

  /** Time until a call may leave; 0 for now, Infinity while a probe is out. Unit: ms. */
  waitMs(nowMs: number): number {
    if (this.opened === 0) return 0;
    if (nowMs < this.openUntilMs) return this.openUntilMs - nowMs;
    return this.isProbing ? Number.POSITIVE_INFINITY : 0;
  }

  /** True until an answer comes back; calls then leave one at a time. */
  get isOpen(): boolean {
    return this.opened > 0;
  }

  /** Since when nothing but faults came back; `null` while answers come. */
  get failingSince(): number | null {
    return this.failingSinceMs;
  }

  /** Says that a call leaves; the first after a hold is the probe. */
  sent(): void {
    if (this.opened > 0) this.isProbing = true;
  }

  /** Opens at once: the next call after the hold is a lone probe. */
  trip(nowMs: number, holdMs: number): void {
    this.opened = Math.max(1, this.opened);
    this.openUntilMs = nowMs + holdMs;
    this.isProbing = false;
  }

  answered(): void {
    this.faultsInARow = 0;
    this.opened = 0;
    this.isProbing = false;
    this.failingSinceMs = null;
  }

  /** The call ended without saying whether the provider is up (refused, aborted). */
  undecided(): void {
    this.isProbing = false;
  }

  faulted(nowMs: number, random: () => number): void {
    this.failingSinceMs ??= nowMs;
    this.faultsInARow += 1;
    const isFailedProbe = this.opened > 0 && this.isProbing;
    this.isProbing = false;
    const isLateEcho = this.opened > 0 && !isFailedProbe;
    if (isLateEcho || this.faultsInARow < this.settings.faultsToOpen) return;
    const ceiling = Math.min(
      this.settings.longestOpenMs,
      this.settings.baseOpenMs * 2 ** this.opened,
    );
    this.opened = Math.min(this.opened + 1, 16);
    this.openUntilMs = nowMs + ceiling / 2 + Math.floor((random() * ceiling) / 2);
  }
}
