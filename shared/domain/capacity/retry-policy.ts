/** Whether and when a failed attempt is tried again. The only place that decides it. */

import { ERROR_DISPOSITIONS, type ErrorCode } from '../errors.ts';

export interface RetryPolicy {
  /** Attempts that count, the first included. @minimum 1 @default 5 */
  readonly maxAttempts: number;
  /** Refusals for overload that one request may meet, which do not count as attempts. @default 30 */
  readonly maxOverloads: number;
  /** Mean wait before the second attempt; doubles with each. Unit: ms. @default 500 */
  readonly baseDelayMs: number;
  /** Unit: ms. @default 30000 */
  readonly longestDelayMs: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxAttempts: 5,
  maxOverloads: 30,
  baseDelayMs: 500,
  longestDelayMs: 30_000,
};

export type RetryDecision =
  | { readonly kind: 'retry'; readonly delayMs: number; readonly countsAsAttempt: boolean }
  /** Not the request's fault and not an attempt: back to the front of the queue. */
  | { readonly kind: 'defer' }
  | { readonly kind: 'give_up' }
  | { readonly kind: 'stop_provider' };

export interface FailedAttempt {
  readonly code: ErrorCode;
  /** Attempts that counted, this one included. */
  readonly attempts: number;
  /** Overload refusals met so far, this one included. */
  readonly overloads: number;
  readonly retryAfterMs: number | null;
}

/**
 * Decides by error code. Delays have full jitter, so that requests refused together do not come
 * back together; a provider's Retry-After is a floor under it.
 */
export function decideRetry(
  policy: RetryPolicy,
  failed: FailedAttempt,
  random: () => number,
): RetryDecision {
  switch (ERROR_DISPOSITIONS[failed.code]) {
    case 'give_up':
    case 'drop':
      return { kind: 'give_up' };
    case 'stop_provider':
      return { kind: 'stop_provider' };
    case 'defer':
      return { kind: 'defer' };
    case 'retry': {
      const isOverload = isProviderDown(failed.code);
      const isSpent = isOverload
        ? failed.overloads >= policy.maxOverloads
        : failed.attempts >= policy.maxAttempts;
      if (isSpent) return { kind: 'give_up' };
      const tries = isOverload ? failed.overloads : failed.attempts;
      const ceiling = Math.min(policy.longestDelayMs, 2 * policy.baseDelayMs * 2 ** (tries - 1));
      const jittered = Math.floor(random() * ceiling);
      return {
        kind: 'retry',
        delayMs: Math.min(policy.longestDelayMs, failed.retryAfterMs ?? 0) + jittered,
        countsAsAttempt: !isOverload,
      };
    }
  }
}

/** True for faults of the provider as a whole, which say nothing about the request. */
export function isProviderDown(code: ErrorCode): boolean {
  return code === 'provider_overloaded' || code === 'provider_unreachable';
}

/**
 * Retry budget: retries may be at most a tenth of the answers, above a small allowance. It keeps
 * retries from multiplying the load of a provider that is already failing.
 */
export class RetryBudget {
  private static readonly LARGEST = 1_000;
  private static readonly ALLOWANCE = 50;
  private static readonly PER_ANSWER = 0.1;
  private credit = RetryBudget.ALLOWANCE;

  answered(): void {
    this.credit = Math.min(RetryBudget.LARGEST, this.credit + RetryBudget.PER_ANSWER);
  }

  /** Takes one retry, or says that none is left. Refill comes with answers and with time waited. */
  take(): boolean {
    if (this.credit < 1) return false;
    this.credit -= 1;
    return true;
  }

  /** A long wait stands in for answers, so that a quiet queue is not stuck for ever. */
  waited(): void {
    this.credit = Math.min(RetryBudget.LARGEST, this.credit + 1);
  }
}
