import { describe, expect, it } from 'vitest';
import { openState, type SpendingPlan } from '../../../../shared/domain/capacity/capacity-state.ts';
import {
  concurrencyShare,
  sharedHorizonMs,
  spentUnits,
  unspentUnits,
  withoutWorker,
  withWorker,
  workerCount,
} from '../../../../shared/domain/capacity/worker-shares.ts';

const LIMITS = { perMinute: { requests: 600 }, concurrency: 5 };
const PLAN: SpendingPlan = { fromMs: 1_000, untilMs: 2_000, units: { requests: 100 } };

describe('who shares a limit', () => {
  it('is whoever bought within the last five seconds', () => {
    let state = openState(null, LIMITS, 0);
    state = withWorker(state, 'a', 0);
    state = withWorker(state, 'b', 3_000);
    expect(workerCount(state)).toBe(2);
    state = withWorker(state, 'b', 5_000);
    expect(Object.keys(state.workers)).toEqual(['b']);
  });

  it('is no longer who has gone', () => {
    const both = withWorker(withWorker(openState(null, LIMITS, 0), 'a', 0), 'b', 0);
    const state = withoutWorker({ ...both, plans: { a: PLAN } }, 'a');
    expect(state).toMatchObject({ workers: { b: 0 }, plans: {} });
  });

  it('reads what an earlier version stored, which knew no plans', () => {
    const { plans: _, ...earlier } = withWorker(openState(null, LIMITS, 0), 'a', 0);
    const state = openState(JSON.parse(JSON.stringify(earlier)), LIMITS, 10);
    expect(state.plans).toEqual({});
    expect(state.limits.requests?.correctedUnits).toBe(0);
  });
});

describe('what one worker gets', () => {
  it('of the slots is never more than there are, together', () => {
    for (let concurrency = 1; concurrency <= 20; concurrency += 1) {
      let state = openState(null, { ...LIMITS, concurrency }, 0);
      for (const owner of ['c', 'a', 'b', 'd']) state = withWorker(state, owner, 0);
      const slots = ['a', 'b', 'c', 'd'].map((owner) => concurrencyShare(state, owner) ?? 0);
      expect(slots.reduce((sum, share) => sum + share)).toBe(concurrency);
      expect(Math.max(...slots) - Math.min(...slots)).toBeLessThanOrEqual(1);
    }
  });

  it('is bought further ahead the more there are, up to a second', () => {
    const horizons = [1, 2, 4, 8, 100].map((workers) => sharedHorizonMs(200, workers));
    expect(horizons).toEqual([200, 250, 500, 1_000, 1_000]);
  });
});

describe('a plan', () => {
  it('is spent evenly', () => {
    const left = [0, 1_000, 1_250, 2_000, 9_000].map((atMs) =>
      unspentUnits(PLAN, 'requests', atMs),
    );
    expect(left).toEqual([100, 100, 75, 0, 0]);
    expect(unspentUnits(PLAN, 'inputTokens', 0)).toBe(0);
  });

  it('is followed by the share, for as long as its worker may be expected to buy again', () => {
    const spent = (fromMs: number, toMs: number) =>
      spentUnits(PLAN, 'requests', { fromMs, toMs, sharePerMs: 0.05 });
    expect(spent(0, 1_500)).toBe(50);
    expect(spent(1_500, 2_500)).toBe(50 + 25);
    expect(spent(2_000, 60_000)).toBe(50);
    expect(spent(4_000, 60_000)).toBe(0);
  });
});
