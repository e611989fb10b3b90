import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  parseSegmentName,
  resultsFolder,
  type SegmentName,
  segmentName,
  tenantFolder,
} from '../../../../shared/adapters/segments/segment-names.ts';

// Lone surrogates are refused at the edge; no key could hold them.
const name = fc.string({ minLength: 1, unit: 'grapheme' });
const id = fc.stringMatching(/^[a-z2-7]{24}$/);
const common = {
  tenant: name,
  writtenAtMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  isSmall: fc.boolean(),
};
const anyName: fc.Arbitrary<SegmentName> = fc.oneof(
  fc.record({ ...common, kind: fc.constant('bodies' as const), id }),
  fc.record({ ...common, kind: fc.constant('results' as const), owner: name, number: fc.nat() }),
);

it('reads back every name it wrote', () => {
  fc.assert(
    fc.property(anyName, (one) => {
      expect(parseSegmentName(segmentName(one))).toEqual(one);
    }),
  );
});

it('keeps a tenant in its own folder, whatever it is called', () => {
  fc.assert(
    fc.property(anyName, name, (one, other) => {
      fc.pre(!one.isSmall && one.tenant !== other);
      expect(segmentName(one).startsWith(tenantFolder(one.tenant))).toBe(true);
      expect(segmentName(one).startsWith(tenantFolder(other))).toBe(false);
      expect(segmentName(one)).not.toMatch(/\/\.{1,2}\/|\/\//);
    }),
  );
});

it('orders the segments of a worker as they were written', () => {
  const names = [0, 1, 9, 10, 999, 1_000].map((number) =>
    segmentName({
      ...{ kind: 'results', tenant: 'a', owner: 'w', number },
      ...{ writtenAtMs: 1_795_514_400_000 - number, isSmall: false },
    }),
  );
  expect(names.toSorted()).toEqual(names);
  for (const each of names) expect(each.startsWith(resultsFolder('a', 'w'))).toBe(true);
});

it.each([
  '',
  'bodies-000001.jsonl',
  'input',
  't/a/bodies/x.jsonl',
  'i/a/bodies/x-1.jsonl',
  't/a/bodies/x-1',
])('knows no segment called %j', (segment) => {
  expect(parseSegmentName(segment)).toBeNull();
});
