import type { Clock } from '../../shared/ports/clock.ts';

/** Adapters yield to the event loop between slices of long work; time must not pass meanwhile. */
const USUAL_TURNS = 3;

/** A clock on which time passes only when everybody sleeps: hours of waiting take milliseconds. */
export class FakeClock implements Clock {
  private now: number;
  private sequence = 0;
  private sleepers: { atMs: number; sequence: number; wake: () => void }[] = [];
  private readonly turnsToSettle: number;

  /** Work in more slices than `turnsToSettle` takes time. */
  constructor(startMs = 1_700_000_000_000, turnsToSettle = USUAL_TURNS) {
    this.now = startMs;
    this.turnsToSettle = turnsToSettle;
  }

  nowMs(): number {
    return this.now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.sequence += 1;
      const sleeper = { atMs: this.now + Math.ceil(ms), sequence: this.sequence, wake: resolve };
      this.insert(sleeper);
      signal?.addEventListener(
        'abort',
        () => {
          this.sleepers = this.sleepers.filter((other) => other !== sleeper);
          resolve();
        },
        { once: true },
      );
    });
  }

  /** Sets the clock, as an operator or a time server would; sleepers keep their durations. */
  setBack(ms: number): void {
    this.now -= ms;
    for (const sleeper of this.sleepers) sleeper.atMs -= ms;
  }

  /** Runs until the work ends, moving time to the next sleeper whenever nothing else can happen. */
  async runUntil<Value>(work: Promise<Value>): Promise<Value> {
    let isDone = false;
    const settled = work.finally(() => {
      isDone = true;
    });
    settled.catch(() => undefined);
    while (!isDone) {
      for (let turn = 0; turn < this.turnsToSettle; turn += 1) await nextTurn();
      const next = isDone ? undefined : this.sleepers.shift();
      if (next === undefined) continue;
      this.now = Math.max(this.now, next.atMs);
      next.wake();
    }
    return settled;
  }

  private insert(sleeper: { atMs: number; sequence: number; wake: () => void }): void {
    let low = 0;
    let high = this.sleepers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.sleepers[middle];
      if (other !== undefined && other.atMs <= sleeper.atMs) low = middle + 1;
      else high = middle;
    }
    this.sleepers.splice(low, 0, sleeper);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
