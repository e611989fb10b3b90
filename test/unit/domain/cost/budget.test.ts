import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { monthAfter, monthOf } from '../../../../shared/domain/cost/budget.ts';

describe('months', () => {
  it('are those of UTC, leap years and all', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('2400-01-01'), noInvalidDate: true }),
        (date) => {
          expect(monthOf(date.getTime())).toBe(date.toISOString().slice(0, 7));
        },
      ),
    );
    expect(monthOf(Date.parse('2028-02-29T23:59:59.999Z'))).toBe('2028-02');
    expect(monthOf(Date.parse('2028-03-01T00:00:00Z'))).toBe('2028-03');
  });

  it('follow one another', () => {
    expect(['2026-11', '2026-12', '2027-01'].map(monthAfter)).toEqual([
      '2026-12',
      '2027-01',
      '2027-02',
    ]);
  });
});
