import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  adjust,
  GRAINS_PER_UNIT,
  refill,
  unitsIn,
} from '../../../../shared/domain/capacity/token-bucket.ts';

const rate = fc.integer({ min: 1, max: 200_000_000 });
const instants = fc.array(fc.integer({ min: -30_000, max: 60_000 }), { minLength: 1 });

it('credits each interval once, whatever the order of clocks', () => {
  fc.assert(
    fc.property(rate, instants, (perMinute, offsets) => {
      const depth = 10 ** 6 * perMinute;
      const end = offsets.reduce(
        (state, offset) => refill(state, perMinute, depth, 100_000 + offset),
        { grains: 0, creditedAtMs: 100_000 },
      );
      const latest = Math.max(0, ...offsets);
      expect(end.grains).toBe(Math.min(latest * perMinute, depth * GRAINS_PER_UNIT));
    }),
  );
});

it('never holds more than its depth, and keeps integers', () => {
  fc.assert(
    fc.property(
      rate,
      fc.integer({ min: 1, max: 10 ** 6 }),
      instants,
      (perMinute, depth, offsets) => {
        let state = { grains: 0, creditedAtMs: 0 };
        for (const offset of offsets) {
          state = adjust(refill(state, perMinute, depth, 50_000 + offset), offset / 7);
          state = refill(state, perMinute, depth, 50_000 + offset);
          expect(unitsIn(state)).toBeLessThanOrEqual(depth);
          expect(Number.isSafeInteger(state.grains)).toBe(true);
        }
      },
    ),
  );
});
