import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planReads } from '../../../../shared/adapters/segments/read-plan.ts';

const at = (offset: number, length: number, segment = 's') => ({ segment, offset, length });

it('joins neighbours and small gaps, in whatever order they are asked for', () => {
  expect(planReads([at(200, 50), at(0, 100), at(65_636 + 250, 10)])).toEqual([
    { segment: 's', start: 0, end: 250, indexes: [1, 0] },
    { segment: 's', start: 65_886, end: 65_896, indexes: [2] },
  ]);
  expect(planReads([at(0, 100), at(100 + 65_536, 10)])).toHaveLength(1);
});

it('joins up to a megabyte, never across segments, and reads a longer body alone', () => {
  const bodies = Array.from({ length: 30 }, (_, index) => at(index * 100_001, 100_000));
  expect(planReads(bodies)).toHaveLength(3);
  expect(planReads([at(0, 10, 'a'), at(10, 10, 'b')])).toHaveLength(2);
  expect(planReads([at(0, 5_000_000), at(5_000_001, 10)])).toHaveLength(2);
});

it('covers each pointer once, by a read that holds all of it', () => {
  const pointer = fc.record({
    segment: fc.constantFrom('a', 'b'),
    offset: fc.nat({ max: 5_000_000 }),
    length: fc.oneof(fc.nat({ max: 2_000 }), fc.nat({ max: 3_000_000 })),
  });
  fc.assert(
    fc.property(fc.array(pointer, { maxLength: 60 }), (pointers) => {
      const reads = planReads(pointers);
      const covered = reads.flatMap(({ indexes }) => indexes);
      expect(covered.toSorted((one, other) => one - other)).toEqual([...pointers.keys()]);
      for (const { segment, start, end, indexes } of reads) {
        if (indexes.length > 1) expect(end - start).toBeLessThanOrEqual(1_048_576);
        for (const index of indexes) {
          const wanted = pointers[index];
          if (!wanted) return expect.unreachable();
          expect(wanted.segment).toBe(segment);
          expect(wanted.offset).toBeGreaterThanOrEqual(start);
          expect(wanted.offset + wanted.length).toBeLessThanOrEqual(end);
        }
      }
    }),
  );
});
