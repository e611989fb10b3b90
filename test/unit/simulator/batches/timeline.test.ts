import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawFate, type Fate } from '../../../../simulator/batches/fate.ts';
import { resolveBatches, type Scripted } from '../../../../simulator/batches/options.ts';
import { RowPlan } from '../../../../simulator/batches/row-plan.ts';
import { doneAtMs, doneRows, planTimeline } from '../../../../simulator/batches/timeline.ts';

const DAY_MS = 86_400_000;
const settings = resolveBatches({});

function plan(scripted: Scripted, options = settings) {
  const fate = drawFate(1, 1, scripted, options);
  return { fate, timeline: planTimeline(fate, 0, DAY_MS, options) };
}

test('a batch ends when its turnaround is over', () => {
  const { timeline } = plan({ turnaroundMs: 60_000 });
  expect(timeline).toMatchObject({ startsAtMs: 1_000, rowsEndAtMs: 58_000, endsAtMs: 60_000 });
  expect(doneRows(timeline, 10, 999)).toBe(0);
  expect(doneRows(timeline, 10, 58_000)).toBe(10);
});

test('a turnaround shorter than its phases still passes through them', () => {
  const { timeline } = plan({ turnaroundMs: 0 });
  expect(timeline).toMatchObject({ startsAtMs: 1_000, rowsEndAtMs: 1_000, endsAtMs: 3_000 });
  expect(doneRows(timeline, 3, 1_000)).toBe(3);
});

test('done rows never go back, never exceed the total, and agree with when each is done', () => {
  const outcomes = fc.constantFrom('completed', 'expired', 'cancelled', 'stuck', undefined);
  fc.assert(
    fc.property(
      outcomes,
      fc.integer({ min: 0, max: 2 * DAY_MS }),
      fc.integer({ min: 1, max: 500 }),
      fc.array(fc.integer({ min: 0, max: DAY_MS }), { minLength: 2, maxLength: 20 }),
      (outcome, turnaroundMs, total, instants) => {
        const { timeline } = plan({ outcome, turnaroundMs });
        let before = 0;
        for (const atMs of instants.toSorted((one, other) => one - other)) {
          const done = doneRows(timeline, total, atMs);
          expect(done).toBeGreaterThanOrEqual(before);
          expect(done).toBeLessThanOrEqual(total);
          if (done > 0) expect(doneAtMs(timeline, done - 1, total)).toBeLessThanOrEqual(atMs);
          before = done;
        }
      },
    ),
  );
});

test('half of an expired batch is done when it expires, whatever its size', () => {
  for (const total of [2, 10, 50_000]) {
    expect(doneRows(plan({ outcome: 'expired' }).timeline, total, DAY_MS)).toBe(total / 2);
  }
});

test('every row is done exactly once, in an order that the seed decides', () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `r${index}`);
  const order = (fate: Fate) => [...new RowPlan(fate, ids, settings).order];
  const first = order(drawFate(1, 1, undefined, settings));
  expect(first.toSorted((one, other) => one - other)).toEqual(ids.map((_, index) => index));
  expect(order(drawFate(1, 1, undefined, settings))).toEqual(first);
  expect(order(drawFate(1, 2, undefined, settings))).not.toEqual(first);
});

test('turnarounds have the median and the tail that were asked for', () => {
  const options = resolveBatches({ turnaround: { p50Ms: 420_000, p95Ms: 6_600_000 } });
  const drawn = Array.from({ length: 4_000 }, (_, ordinal) =>
    drawFate(7, ordinal, undefined, options),
  ).map(({ turnaroundMs }) => turnaroundMs);
  const sorted = drawn.toSorted((one, other) => one - other);
  expect(sorted[2_000] ?? 0).toBeGreaterThan(380_000);
  expect(sorted[2_000] ?? 0).toBeLessThan(460_000);
  expect(sorted[3_800] ?? 0).toBeGreaterThan(5_500_000);
  expect(sorted[3_800] ?? 0).toBeLessThan(7_900_000);
});

test('shares of fates are kept', () => {
  const options = resolveBatches({ expiringShare: 0.05, stuckShare: 0.02 });
  const endings = Array.from(
    { length: 10_000 },
    (_, ordinal) => drawFate(3, ordinal, undefined, options).ending,
  );
  const count = (ending: Fate['ending']) => endings.filter((one) => one === ending).length;
  expect(count('expire')).toBeGreaterThan(430);
  expect(count('expire')).toBeLessThan(570);
  expect(count('stick')).toBeGreaterThan(150);
  expect(count('stick')).toBeLessThan(250);
});
