import type { Clock } from '../../ports/clock.ts';

/** A reason of our own spares an exception object with a stack for each wake. */
const WOKEN = 'woken';

/** A sleep that others can end. A call to `notify` is never lost, even if nobody sleeps yet. */
export class Wakeup {
  private readonly clock: Clock;
  private isNotified = false;
  private end: (() => void) | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  notify(): void {
    this.isNotified = true;
    this.end?.();
  }

  /** Resolves after `ms` or at the next `notify`, whichever comes first. */
  async wait(ms: number): Promise<void> {
    if (!this.isNotified && ms > 0) {
      const controller = new AbortController();
      this.end = () => controller.abort(WOKEN);
      await this.clock.sleep(ms, controller.signal);
      this.end = null;
    }
    this.isNotified = false;
  }
}
