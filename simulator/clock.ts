import { performance } from 'node:perf_hooks';

/** The simulator's only source of time; tests hand in a virtual one. */
export interface SimulatorClock {
  /** Whole milliseconds since the epoch; never runs backwards. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

/** Wall time that does not step when the machine's clock is set. */
export const systemClock: SimulatorClock = {
  nowMs: () => Math.floor(performance.timeOrigin + performance.now()),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};
