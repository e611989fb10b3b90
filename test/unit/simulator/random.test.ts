import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  digest,
  drawBase,
  EMPTY_LANES,
  feed,
  lognormal,
  uniform,
} from '../../../simulator/random.ts';

test('text fed in pieces has the digest of the whole', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      const pieces = digest(feed(feed(EMPTY_LANES, one), other));
      expect(pieces).toBe(digest(feed(EMPTY_LANES, one + other)));
    }),
  );
});

test('a hundred thousand similar texts have as many digests', () => {
  const digests = new Set<number>();
  for (let at = 0; at < 100_000; at += 1) digests.add(digest(feed(EMPTY_LANES, `request ${at}`)));
  expect(digests.size).toBe(100_000);
});

test('draws depend on seed, identity and attempt, and on nothing else', () => {
  const base = drawBase(1, 'a', 1);
  expect(drawBase(1, 'a', 1)).toBe(base);
  expect(new Set([base, drawBase(2, 'a', 1), drawBase(1, 'b', 1), drawBase(1, 'a', 2)]).size).toBe(
    4,
  );
});

test('uniform draws fill the interval evenly, in every stream', () => {
  for (const stream of [0, 1, 1_000]) {
    const counts = Array.from({ length: 10 }, () => 0);
    for (let at = 0; at < 20_000; at += 1) {
      const cell = Math.floor(uniform(drawBase(7, `r${at}`, 1), stream) * 10);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(250);
  }
});

test('lognormal draws have the median and the 95th percentile they were given', () => {
  const draws = Array.from({ length: 40_000 }, (_, at) =>
    lognormal(drawBase(3, `r${at}`, 1), 0, 800, 1_770),
  ).sort((one, other) => one - other);
  expect(draws[20_000]).toBeGreaterThan(780);
  expect(draws[20_000]).toBeLessThan(820);
  expect(draws[38_000]).toBeGreaterThan(1_700);
  expect(draws[38_000]).toBeLessThan(1_840);
});
