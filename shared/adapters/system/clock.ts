import type { Clock } from '../../ports/clock.ts';

/** Longest delay a timer takes; beyond it Node fires at once. Unit: ms. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The clock of the machine. A sleeper keeps the process alive: someone waits for it. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),

  async sleep(ms, signal) {
    let leftMs = ms;
    while (leftMs > 0 && signal?.aborted !== true) {
      const stepMs = Math.min(leftMs, LONGEST_TIMER_MS);
      await wait(stepMs, signal);
      leftMs -= stepMs;
    }
  },
};

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    // A timer may fire within the millisecond before it is due.
    const timer = setTimeout(end, Math.min(Math.ceil(ms) + 1, LONGEST_TIMER_MS));
    signal?.addEventListener('abort', end, { once: true });
  });
}
