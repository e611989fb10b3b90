import { performance } from 'node:perf_hooks';

/** The simulator's only source of time; tests hand in a virtual one. */
export interface SimulatorClock {
  /** Whole milliseconds since the epoch; never runs backwards. */
  nowMs(): number;
  /** Resolves after so long, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A clock that can be moved forward. */
export interface VirtualClock extends SimulatorClock {
  /** Moves time forward and wakes, in order, everybody who slept until then. */
  advance(ms: number): Promise<void>;
}

export function isVirtual(clock: SimulatorClock): clock is VirtualClock {
  return 'advance' in clock;
}

/** Wall time that does not step when the machine's clock is set. */
export const systemClock: SimulatorClock = {
  nowMs: () => Math.floor(performance.timeOrigin + performance.now()),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};

/** Turns of the event loop after which those who were woken have done what they do without waiting. */
const TURNS_TO_SETTLE = 3;

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Time stands still unless it is moved. Without a start it begins now. */
export function createFrozenClock(startMs: number = systemClock.nowMs()): VirtualClock {
  let nowMs = startMs;
  const sleepers = new Set<Sleeper>();
  return {
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = { atMs: nowMs + Math.max(0, Math.ceil(ms)), wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          resolve();
        });
      }),
    advance: async (ms) => {
      const untilMs = nowMs + ms;
      for (;;) {
        await settle();
        const next = earliest(sleepers);
        if (next === undefined || next.atMs > untilMs) break;
        sleepers.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.wake();
      }
      nowMs = Math.max(nowMs, untilMs);
    },
  };
}

/** Time runs as usual, and can be moved forward beside. */
export function createRunningClock(): VirtualClock {
  let offsetMs = 0;
  const sleepers = new Set<Sleeper>();
  const nowMs = (): number => systemClock.nowMs() + offsetMs;
  return {
    nowMs,
    sleep: async (ms, signal) => {
      const woken = new AbortController();
      const sleeper = { atMs: nowMs() + Math.max(0, ms), wake: () => woken.abort() };
      sleepers.add(sleeper);
      const either = signal ? AbortSignal.any([signal, woken.signal]) : woken.signal;
      await systemClock.sleep(Math.max(0, ms), either);
      sleepers.delete(sleeper);
    },
    advance: async (ms) => {
      const untilMs = nowMs() + ms;
      for (;;) {
        await settle();
        const next = earliest(sleepers);
        if (next === undefined || next.atMs > untilMs) break;
        sleepers.delete(next);
        offsetMs += Math.max(0, next.atMs - nowMs());
        next.wake();
      }
      offsetMs += Math.max(0, untilMs - nowMs());
    },
  };
}

function earliest(sleepers: ReadonlySet<Sleeper>): Sleeper | undefined {
  let first: Sleeper | undefined;
  for (const sleeper of sleepers)
    if (first === undefined || sleeper.atMs < first.atMs) first = sleeper;
  return first;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_TO_SETTLE; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
