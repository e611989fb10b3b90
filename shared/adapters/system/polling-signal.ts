import type { Clock } from '../../ports/clock.ts';
import type { CompletionSignal } from '../../ports/completion-signal.ts';

/** Unit: ms. */
const SHORTEST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 1_000;
/** A caller looks again after this share of the time that it has waited so far. */
const SHARE = 0.5;
/** Requests whose waits are remembered. Callers of any others begin anew. */
const MOST_REMEMBERED = 1_000;

interface Wait {
  readonly beganAtMs: number;
  endsAtMs: number;
}

/**
 * Wakes callers by time alone, for homes where another process answers: soon at first, since most
 * answers that are waited for come soon, and then ever more rarely, down to once a second.
 */
export function createPollingSignal(clock: Clock): CompletionSignal {
  return new PollingSignal(clock);
}

class PollingSignal implements CompletionSignal {
  readonly #clock: Clock;
  /** The one used last stands last. */
  readonly #waits = new Map<string, Wait>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async wait(tenant: string, id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const wait = this.#waitOf(`${tenant}\n${id}`);
    const nowMs = this.#clock.nowMs();
    const dueInMs = Math.max(SHORTEST_WAIT_MS, SHARE * (nowMs - wait.beganAtMs));
    const waitMs = Math.min(LONGEST_WAIT_MS, timeoutMs, dueInMs);
    wait.endsAtMs = nowMs + waitMs;
    await this.#clock.sleep(waitMs, signal);
  }

  /** A caller that comes back soon goes on with its wait. */
  #waitOf(key: string): Wait {
    const nowMs = this.#clock.nowMs();
    const known = this.#waits.get(key);
    this.#waits.delete(key);
    const isGoingOn = known !== undefined && nowMs <= known.endsAtMs + LONGEST_WAIT_MS;
    const wait = isGoingOn ? known : { beganAtMs: nowMs, endsAtMs: nowMs };
    this.#waits.set(key, wait);
    const [oldest] = this.#waits.keys();
    if (this.#waits.size > MOST_REMEMBERED && oldest !== undefined) this.#waits.delete(oldest);
    return wait;
  }
}
