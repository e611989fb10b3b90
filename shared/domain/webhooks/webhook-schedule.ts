/** When a delivery is tried again, and when it is given up. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Mean wait after each try. Source: Standard Webhooks 1.0.0, "Retry schedule", read 2026-11-23;
 * together 75 h 35 min.
 */
const MEAN_WAITS_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** Tries of one delivery. */
export const MOST_TRIES = MEAN_WAITS_MS.length + 1;

const SHORTEST_WAIT_MS = SECOND_MS;
/** A receiver is obeyed up to this. */
const LONGEST_WAIT_MS = 24 * HOUR_MS;

/** What came of one try. */
export type TryOutcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** What the receiver asked for; `null` when it did not. */
      readonly retryAfterMs: number | null;
    }
  /** No answer. `reason` is for the endpoint's owner: it holds no address but the endpoint's own. */
  | { readonly kind: 'unanswered'; readonly reason: string }
  /** Not sent, since it would go where nothing may be sent. */
  | { readonly kind: 'refused'; readonly reason: string };

export type Verdict = 'delivered' | 'gone' | 'failed';

/** 2xx is delivered and 410 asks for no more; all else has failed, a redirect too. */
export function judgeTry(outcome: TryOutcome): Verdict {
  if (outcome.kind !== 'answered') return 'failed';
  if (outcome.status >= 200 && outcome.status < 300) return 'delivered';
  return outcome.status === 410 ? 'gone' : 'failed';
}

/** A failed try in few words. */
export function describeTry(outcome: TryOutcome): string {
  return outcome.kind === 'answered' ? `It answered ${outcome.status}` : outcome.reason;
}

/**
 * How long to wait after so many failed tries; `null` when there is to be no other. Full jitter:
 * anything up to twice the mean, but never sooner than the receiver asked. Unit: ms.
 *
 * `random` is uniform in [0, 1).
 */
export function waitAfter(
  tries: number,
  random: number,
  retryAfterMs: number | null,
): number | null {
  const meanMs = MEAN_WAITS_MS[tries - 1];
  if (meanMs === undefined) return null;
  const askedMs = Math.min(retryAfterMs ?? 0, LONGEST_WAIT_MS);
  return Math.ceil(Math.max(SHORTEST_WAIT_MS, askedMs, 2 * meanMs * random));
}
