import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_RETRY_POLICY,
  decideRetry,
  RetryBudget,
} from '../../../../shared/domain/capacity/retry-policy.ts';
import { ERROR_DISPOSITIONS, type ErrorCode } from '../../../../shared/domain/errors.ts';

const CODES = Object.keys(ERROR_DISPOSITIONS) as ErrorCode[];

describe('decideRetry', () => {
  it('ends every series of failures, and never waits longer than told plus the longest delay', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CODES),
        fc.option(fc.integer({ min: 0, max: 10 ** 9 })),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (code, retryAfterMs, luck) => {
          let attempts = 0;
          let overloads = 0;
          for (let tries = 0; tries < 100; tries += 1) {
            attempts += 1;
            overloads += 1;
            const decision = decideRetry(
              DEFAULT_RETRY_POLICY,
              { code, attempts, overloads, retryAfterMs },
              () => luck,
            );
            if (decision.kind !== 'retry') return;
            expect(decision.delayMs).toBeLessThanOrEqual(2 * DEFAULT_RETRY_POLICY.longestDelayMs);
            expect(decision.delayMs).toBeGreaterThanOrEqual(
              Math.min(retryAfterMs ?? 0, DEFAULT_RETRY_POLICY.longestDelayMs),
            );
          }
          throw new Error(`${code} is tried for ever`);
        },
      ),
    );
  });

  it('spreads retries over the whole wait', () => {
    const delays = [0, 0.5, 0.999].map((luck) => {
      const failed = {
        code: 'provider_error' as const,
        attempts: 3,
        overloads: 0,
        retryAfterMs: null,
      };
      const decision = decideRetry(DEFAULT_RETRY_POLICY, failed, () => luck);
      return decision.kind === 'retry' ? decision.delayMs : -1;
    });
    expect(delays).toEqual([0, 2_000, 3_996]);
  });

  it('does not hold a provider s outage against the request', () => {
    const failed = {
      code: 'provider_overloaded' as const,
      attempts: 20,
      overloads: 20,
      retryAfterMs: null,
    };
    expect(decideRetry(DEFAULT_RETRY_POLICY, failed, () => 0)).toMatchObject({
      kind: 'retry',
      countsAsAttempt: false,
    });
  });
});

describe('RetryBudget', () => {
  it('allows one retry for ten answers once its allowance is gone', () => {
    const budget = new RetryBudget();
    let allowance = 0;
    while (budget.take()) allowance += 1;
    for (let answer = 0; answer < 105; answer += 1) budget.answered();
    let earned = 0;
    while (budget.take()) earned += 1;
    expect(allowance).toBe(50);
    expect(earned).toBe(10);
  });
});
