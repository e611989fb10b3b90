import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  admit,
  carryLevels,
  compileLimits,
  fullLevels,
  type Levels,
  type LimitSettings,
  type PerDimension,
  release,
  spend,
  viewBucket,
} from '../../../simulator/limits.ts';

const START_MS = 1_700_000_000_000;
const NOTHING: PerDimension = {
  requests: 0,
  requestsPerDay: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
};
const tokens = (count: number): PerDimension => ({ ...NOTHING, requests: 1, totalTokens: count });

const settings = fc.record({
  requestsPerMinute: fc.integer({ min: 1, max: 100_000 }),
  tokensPerMinute: fc.integer({ min: 60, max: 10_000_000 }),
  depthSeconds: fc.constantFrom(1, 6, 60),
  quantumMs: fc.constantFrom(1, 1, 100, 1_000),
});
const arrivals = fc.array(
  fc.record({ gapMs: fc.nat({ max: 3_000 }), permille: fc.nat({ max: 1_000 }) }),
  { minLength: 1, maxLength: 60, size: 'max' },
);

interface Step {
  readonly atMs: number;
  readonly cost: number;
  readonly before: Levels;
  readonly result: ReturnType<typeof admit>;
}

/** Plays arrivals, each of some share of the token bucket, against fresh buckets. */
function play(given: LimitSettings, plan: readonly { gapMs: number; permille: number }[]): Step[] {
  const limits = compileLimits(given);
  let levels = fullLevels(limits, START_MS);
  let atMs = START_MS;
  const capacity = limits.buckets.totalTokens?.capacity ?? 0;
  return plan.map(({ gapMs, permille }) => {
    atMs += gapMs;
    const cost = Math.max(1, Math.round((permille * capacity) / 1_000));
    const before = levels;
    const result = admit(limits, levels, tokens(cost), atMs);
    levels = release(result.levels);
    return { atMs, cost, before, result };
  });
}

describe('admission', () => {
  test('never admits more than the burst plus the refill, in any window', () => {
    fc.assert(
      fc.property(settings, arrivals, (given, plan) => {
        const admitted = play(given, plan).filter(({ result }) => result.kind === 'admitted');
        const bucket = compileLimits(given).buckets.totalTokens;
        if (!bucket) throw new Error('no bucket');
        for (const [from, first] of admitted.entries()) {
          let sum = 0;
          for (const step of admitted.slice(from)) {
            sum += step.cost;
            // A window that starts just before a step of the quantum sees that step's refill too.
            const spanMs = step.atMs - first.atMs + (bucket.quantumMs - 1);
            const refill = (spanMs * bucket.limit) / bucket.windowMs;
            expect(sum).toBeLessThanOrEqual(bucket.capacity + refill);
          }
        }
      }),
    );
  });

  test('whoever waits exactly as told is admitted, and not a millisecond earlier', () => {
    let refusals = 0;
    fc.assert(
      fc.property(settings, arrivals, (given, plan) => {
        const limits = compileLimits(given);
        for (const { atMs, cost, result } of play(given, plan)) {
          if (result.kind !== 'refused') continue;
          refusals += 1;
          const back = atMs + result.retryAfterMs;
          expect(result.retryAfterMs).toBeGreaterThan(0);
          expect(admit(limits, result.levels, tokens(cost), back).kind).toBe('admitted');
          expect(admit(limits, result.levels, tokens(cost), back - 1).kind).toBe('refused');
        }
      }),
    );
    expect(refusals).toBeGreaterThan(1_000);
  });

  test('a refusal changes nothing', () => {
    fc.assert(
      fc.property(settings, arrivals, (given, plan) => {
        const limits = compileLimits(given);
        for (const { atMs, before, result } of play(given, plan)) {
          if (result.kind === 'admitted') continue;
          const untouched = spend(limits, before, NOTHING, atMs);
          expect(result.levels).toEqual(untouched);
        }
      }),
    );
  });

  test('takes from all buckets or from none', () => {
    const limits = compileLimits({ requestsPerMinute: 60, tokensPerMinute: 600, depthSeconds: 60 });
    const first = admit(limits, fullLevels(limits, START_MS), tokens(600), START_MS);
    const second = admit(limits, first.levels, tokens(1), START_MS);
    expect(second).toMatchObject({ kind: 'refused', reason: 'totalTokens', retryAfterMs: 100 });
    expect(viewBucket(limits, second.levels, 'requests', START_MS)?.remaining).toBe(59);
  });

  test('names the bucket that makes the caller wait longest', () => {
    const limits = compileLimits({ requestsPerMinute: 1, tokensPerMinute: 600 });
    const first = admit(limits, fullLevels(limits, START_MS), tokens(600), START_MS);
    expect(admit(limits, first.levels, tokens(1), START_MS)).toMatchObject({
      reason: 'requests',
      retryAfterMs: 60_000,
    });
  });

  test('tells a request that can never pass from one that must wait', () => {
    const limits = compileLimits({ tokensPerMinute: 6_000, depthSeconds: 1 });
    expect(admit(limits, fullLevels(limits, START_MS), tokens(101), START_MS)).toMatchObject({
      kind: 'too_large',
      reason: 'totalTokens',
      requested: 101,
      ceiling: 100,
    });
  });

  test('a refusal spends one request where it is said to, and never goes below zero', () => {
    const limits = compileLimits({
      requestsPerMinute: 3,
      tokensPerMinute: 60,
      refusalCostsRequest: true,
    });
    let { levels } = admit(limits, fullLevels(limits, START_MS), tokens(60), START_MS);
    const left = [1, 2, 3].map(() => {
      levels = admit(limits, levels, tokens(60), START_MS).levels;
      return viewBucket(limits, levels, 'requests', START_MS)?.remaining;
    });
    expect(left).toEqual([1, 0, 0]);
  });

  test('holds the concurrency cap until a slot is given back', () => {
    const limits = compileLimits({ concurrency: 2 });
    const one = admit(limits, fullLevels(limits, START_MS), NOTHING, START_MS);
    const two = admit(limits, one.levels, NOTHING, START_MS);
    const three = admit(limits, two.levels, NOTHING, START_MS);
    expect([one.kind, two.kind]).toEqual(['admitted', 'admitted']);
    expect(three).toMatchObject({ kind: 'refused', reason: 'concurrency' });
    expect(admit(limits, release(three.levels), NOTHING, START_MS).kind).toBe('admitted');
  });

  test('a clock that runs backwards mints no capacity', () => {
    const limits = compileLimits({ tokensPerMinute: 60_000, depthSeconds: 1 });
    let { levels } = admit(limits, fullLevels(limits, START_MS), tokens(1_000), START_MS);
    let admitted = 0;
    for (let turn = 0; turn < 20; turn += 1) {
      const atMs = START_MS + (turn % 2 === 0 ? -500 : 100);
      const result = admit(limits, levels, tokens(50), atMs);
      levels = release(result.levels);
      if (result.kind === 'admitted') admitted += 1;
    }
    expect(admitted).toBe(2);
  });
});

describe('usage charged after the work', () => {
  test('leaves debt that admits nobody until it is paid', () => {
    const limits = compileLimits({ outputTokensPerMinute: 600, depthSeconds: 60 });
    const levels = spend(
      limits,
      fullLevels(limits, START_MS),
      { ...NOTHING, outputTokens: 700 },
      START_MS,
    );
    expect(viewBucket(limits, levels, 'outputTokens', START_MS)?.remaining).toBe(0);
    expect(admit(limits, levels, NOTHING, START_MS)).toMatchObject({
      kind: 'refused',
      reason: 'outputTokens',
      retryAfterMs: 10_100,
    });
  });

  test('given back, never fills a bucket beyond its capacity', () => {
    const limits = compileLimits({ inputTokensPerMinute: 600 });
    const levels = spend(
      limits,
      fullLevels(limits, START_MS),
      { ...NOTHING, inputTokens: -50 },
      START_MS,
    );
    expect(viewBucket(limits, levels, 'inputTokens', START_MS)).toEqual({
      limit: 600,
      remaining: 600,
      resetMs: 0,
    });
  });
});

describe('what the headers show', () => {
  test('remaining stays within the bucket, and reset ends in the millisecond it is full', () => {
    fc.assert(
      fc.property(settings, arrivals, (given, plan) => {
        const limits = compileLimits(given);
        const { capacity = 0, quantumMs = 1 } = limits.buckets.totalTokens ?? {};
        for (const { atMs, result } of play(given, plan)) {
          const view = viewBucket(limits, result.levels, 'totalTokens', atMs);
          if (!view) throw new Error('no view');
          expect(view.remaining).toBeGreaterThanOrEqual(0);
          expect(view.remaining).toBeLessThanOrEqual(capacity);
          const full = fullLevels(limits, 0).grains.totalTokens;
          const levelAt = (ms: number) =>
            spend(limits, result.levels, NOTHING, ms).grains.totalTokens;
          expect(levelAt(atMs + view.resetMs + quantumMs)).toBe(full);
          if (view.resetMs > 0) expect(levelAt(atMs + view.resetMs - 1)).toBeLessThan(full);
        }
      }),
    );
  });

  test.each([
    // Recorded: limit, units used, reset. Those of one call have no time for refill.
    { limits: { requestsPerMinute: 30_000 }, dimension: 'requests', used: 1, resetMs: 2 },
    { limits: { requestsPerDay: 10_000 }, dimension: 'requestsPerDay', used: 1, resetMs: 8_640 },
    { limits: { tokensPerMinute: 200_000 }, dimension: 'totalTokens', used: 17, resetMs: 5 },
    { limits: { tokensPerMinute: 150_000_000 }, dimension: 'totalTokens', used: 23, resetMs: 0 },
  ] as const)('$used of $limits resets in $resetMs ms', ({ limits, dimension, used, resetMs }) => {
    const compiled = compileLimits(limits);
    const levels = spend(
      compiled,
      fullLevels(compiled, START_MS),
      { ...NOTHING, [dimension]: used },
      START_MS,
    );
    expect(viewBucket(compiled, levels, dimension, START_MS)?.resetMs).toBe(resetMs);
  });

  test('a quantum hands out a window at a time', () => {
    const limits = compileLimits({ requestsPerMinute: 60_000, depthSeconds: 1, quantumMs: 1_000 });
    let levels = fullLevels(limits, START_MS);
    levels = spend(limits, levels, { ...NOTHING, requests: 1_000 }, START_MS + 10);
    expect(viewBucket(limits, levels, 'requests', START_MS + 999)?.remaining).toBe(0);
    expect(viewBucket(limits, levels, 'requests', START_MS + 1_000)?.remaining).toBe(1_000);
  });
});

describe('limits changed while running', () => {
  test('cut what is left to the new capacity and fill new buckets', () => {
    const before = compileLimits({ tokensPerMinute: 6_000 });
    const after = compileLimits({ tokensPerMinute: 600, requestsPerMinute: 60 });
    const used = spend(before, fullLevels(before, START_MS), tokens(1_000), START_MS);
    const levels = carryLevels(before, after, used, START_MS);
    expect(viewBucket(after, levels, 'totalTokens', START_MS)?.remaining).toBe(600);
    expect(viewBucket(after, levels, 'requests', START_MS)?.remaining).toBe(60);
    const drained = spend(before, used, tokens(4_900), START_MS);
    const kept = carryLevels(before, after, drained, START_MS);
    expect(viewBucket(after, kept, 'totalTokens', START_MS)?.remaining).toBe(100);
  });
});
