import type { Clock } from '../../ports/clock.ts';
import type { CompletionSignal } from '../../ports/completion-signal.ts';

/** Time between two looks at the ledger: a few cheap reads a second for each caller who waits. Unit: ms. */
const POLL_MS = 300;

/** For a home whose workers cannot wake the callers' process: callers look again and again. */
export function createPollingSignal(clock: Clock): CompletionSignal {
  return {
    wait: (_tenant, _id, timeoutMs, signal) => clock.sleep(Math.min(POLL_MS, timeoutMs), signal),
  };
}
