import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learn, NO_LESSONS } from '../../../../shared/domain/capacity/capacity-learning.ts';
import {
  type Claim,
  giveBack,
  purchase,
} from '../../../../shared/domain/capacity/capacity-purchase.ts';
import {
  type CapacityState,
  openState,
} from '../../../../shared/domain/capacity/capacity-state.ts';
import { type BucketState, unitsIn } from '../../../../shared/domain/capacity/token-bucket.ts';
import { withoutWorker } from '../../../../shared/domain/capacity/worker-shares.ts';

const LIMITS = { perMinute: { requests: 600, totalTokens: 60_000 } };

function claim(totalTokens: number): Claim {
  return { requests: 1, inputTokens: totalTokens, outputTokens: 0, totalTokens };
}

function order(claims: readonly Claim[], nowMs: number, owner = 'w') {
  const terms = { horizonMs: 200, nowMs, beginsAtMs: nowMs };
  return { owner, claims, ...terms, pendingUnits: {}, unconfirmedUnits: {} };
}

function bucketOf(state: CapacityState, dimension: 'requests' | 'totalTokens'): BucketState {
  const limit = state.limits[dimension];
  if (limit === undefined) throw new Error(`${dimension} is not limited`);
  return limit.bucket;
}

function opened(nowMs = 0): CapacityState {
  return openState(null, LIMITS, nowMs);
}

describe('purchase', () => {
  it('takes a claim from every limit, or from none', () => {
    const { state, value } = purchase(opened(), order([claim(100)], 0));
    expect(value.kind).toBe('granted');
    expect(unitsIn(bucketOf(state, 'requests'))).toBe(9);
    expect(unitsIn(bucketOf(state, 'totalTokens'))).toBe(900);

    const empty = purchase(
      state,
      order(
        Array.from({ length: 50 }, () => claim(500)),
        0,
      ),
    );
    const more = purchase(empty.state, order([claim(900)], 0));
    expect(more.value.kind).toBe('deferred');
    expect(more.state.limits).toEqual(empty.state.limits);
  });

  it('says exactly when to come back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 60 }),
        (sizes) => {
          let state = opened();
          let nowMs = 0;
          for (const size of sizes) {
            const first = purchase(state, order([claim(size)], nowMs));
            state = first.state;
            if (first.value.kind === 'granted') continue;
            nowMs += first.value.retryAfterMs;
            const again = purchase(openState(state, LIMITS, nowMs), order([claim(size)], nowMs));
            expect(again.value.kind).toBe('granted');
            state = again.state;
          }
        },
      ),
    );
  });

  it('admits no more than burst and refill in any window, from several workers with skewed clocks', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 400 }),
      skewMs: fc.integer({ min: -5_000, max: 5_000 }),
      owner: fc.constantFrom('a', 'b', 'c'),
      sizes: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 80 }), (steps) => {
        let state = opened(10_000);
        let nowMs = 10_000;
        let latest = nowMs;
        let taken = 0;
        for (const { waitMs, skewMs, owner, sizes } of steps) {
          nowMs += waitMs;
          const clockMs = Math.max(0, nowMs + skewMs);
          latest = Math.max(latest, clockMs);
          const { state: next, value } = purchase(
            openState(state, LIMITS, clockMs),
            order(sizes.map(claim), clockMs, owner),
          );
          state = next;
          if (value.kind === 'granted') {
            taken += sizes.slice(0, value.offsetsMs.length).reduce((sum, size) => sum + size, 0);
          }
        }
        const refilled = (latest - 10_000) * (60_000 / 60_000);
        // Three workers buy 375 ms ahead.
        const soldAhead = 375;
        const oneClaim = 400;
        expect(taken).toBeLessThanOrEqual(1_000 + refilled + soldAhead + oneClaim);
      }),
    );
  });

  it('paces what it grants, in order', () => {
    const { value } = purchase(
      opened(),
      order(
        Array.from({ length: 8 }, () => claim(20)),
        0,
      ),
    );
    if (value.kind !== 'granted') throw new Error('not granted');
    expect(value.offsetsMs[0]).toBe(0);
    const sorted = [...value.offsetsMs].sort((a, b) => a - b);
    expect(value.offsetsMs).toEqual(sorted);
    // 10 requests a second, and a full second of surplus drained over one: some 17 a second.
    expect(value.spanMs / value.offsetsMs.length).toBeGreaterThan(50);
  });

  it('lets a claim larger than the bucket go when it is full, and makes later ones pay', () => {
    const large = purchase(opened(), order([claim(5_000)], 0));
    expect(large.value.kind).toBe('granted');
    const after = purchase(openState(large.state, LIMITS, 1_000), order([claim(100)], 1_000));
    expect(after.value.kind).toBe('deferred');
    const paid = purchase(openState(large.state, LIMITS, 4_600), order([claim(100)], 4_600));
    expect(paid.value.kind).toBe('granted');
  });

  it('gives back what was not sent', () => {
    const claims = [claim(100), claim(50)];
    const bought = purchase(opened(), order(claims, 0));
    expect(giveBack(bought.state, claims).limits).toEqual(opened().limits);
  });

  it('grants nothing while the provider asked to wait', () => {
    const refusal = {
      sentAtMs: 0,
      throttledBy: 'totalTokens' as const,
      retryAfterMs: 3_000,
      isExplained: true,
      inFlight: 1,
      admittedPerMinute: claim(0),
    };
    const held = learn(opened(), { limits: {}, refusals: [refusal] }, 0);
    expect(purchase(held, order([claim(1)], 1)).value).toEqual({
      kind: 'deferred',
      retryAfterMs: 2_999,
    });
    expect(purchase(openState(held, LIMITS, 3_000), order([claim(1)], 3_000)).value.kind).toBe(
      'granted',
    );
  });

  it('splits concurrency among the workers it has heard of lately, to the last slot', () => {
    const declared = { ...LIMITS, concurrency: 10 };
    let state = openState(null, declared, 0);
    for (const owner of ['a', 'b', 'c']) state = purchase(state, order([claim(1)], 0, owner)).state;
    const slots = ['a', 'b', 'c'].map((owner) => {
      const { value } = purchase(state, order([claim(1)], 1, owner));
      return value.kind === 'granted' ? value.concurrency : null;
    });
    expect(slots).toEqual([4, 3, 3]);
    const alone = purchase(state, order([claim(1)], 60_000, 'a')).value;
    expect(alone).toMatchObject({ concurrency: 10 });
  });

  it('lets a worker wait for whom there is no slot', () => {
    const declared = { ...LIMITS, concurrency: 1 };
    const first = purchase(openState(null, declared, 0), order([claim(1)], 0, 'a'));
    expect(first.value).toMatchObject({ kind: 'granted', concurrency: 1 });
    const second = purchase(first.state, order([claim(1)], 0, 'b'));
    expect(second.value).toMatchObject({ kind: 'deferred', retryAfterMs: 1_000 });
    const alone = withoutWorker(second.state, 'a');
    expect(purchase(alone, order([claim(1)], 1_000, 'b')).value.kind).toBe('granted');
  });
});

describe('a changed declaration', () => {
  it('replaces the concurrency learnt or declared before', () => {
    const low = openState(null, { perMinute: {}, concurrency: 20 }, 0);
    expect(openState(low, { perMinute: {}, concurrency: 500 }, 1).concurrency).toBe(500);
    expect(openState(low, { perMinute: {} }, 1).concurrency).toBeNull();
  });

  it('bounds what a learnt concurrency grows to', () => {
    let state = openState(null, { perMinute: {}, concurrency: 3 }, 0);
    for (let nowMs = 0; nowMs < 20_000; nowMs += 1_000) state = learn(state, NO_LESSONS, nowMs);
    expect(state.concurrency).toBe(3);
  });
});

describe('learning', () => {
  const unexplained = {
    throttledBy: null,
    retryAfterMs: null,
    isExplained: false,
    inFlight: 5,
    admittedPerMinute: claim(0),
  };

  it('cuts the rate once for all refusals of one moment, and climbs back', () => {
    const refusals = [1, 2, 3].map(() => ({ ...unexplained, sentAtMs: 500 }));
    const cut = learn(opened(1_000), { limits: {}, refusals }, 1_000);
    expect(cut.ratePerMille).toBe(930);
    let state = cut;
    for (let nowMs = 2_000; nowMs < 120_000; nowMs += 200) {
      state = learn(openState(state, LIMITS, nowMs), NO_LESSONS, nowMs);
    }
    expect(state.ratePerMille).toBe(1_000);
  });

  it('believes a limit below the declared one, and keeps a declared one below the provider s', () => {
    const lesson = (perMinute: number) => ({
      limits: { totalTokens: { perMinute, correctionUnits: 0, settledUnits: 0 } },
      refusals: [],
    });
    expect(learn(opened(), lesson(50_000), 0).limits.totalTokens?.perMinute).toBe(50_000);
    expect(learn(opened(), lesson(90_000), 0).limits.totalTokens?.perMinute).toBe(60_000);
  });

  it('forgets what it learnt when the declaration changes', () => {
    const taught = learn(
      opened(),
      {
        limits: { totalTokens: { perMinute: 50_000, correctionUnits: 0, settledUnits: 0 } },
        refusals: [],
      },
      0,
    );
    const changed = openState(taught, { perMinute: { totalTokens: 70_000 } }, 1);
    expect(changed.limits.totalTokens?.perMinute).toBe(70_000);
    expect(changed.limits.requests).toBeUndefined();
  });

  it('holds no longer than an hour, whatever the provider says', () => {
    const refusal = { ...unexplained, sentAtMs: 0, retryAfterMs: 10 ** 12 };
    const held = learn(opened(), { limits: {}, refusals: [refusal] }, 0);
    expect(held.pausedUntilMs).toBe(3_600_000);
  });
});
