import { expect, it } from 'vitest';
import { systemRandom } from '../../../../shared/adapters/system/random.ts';

it('makes identifiers that do not repeat, of a prefix and 120 bits', () => {
  const ids = Array.from({ length: 5_000 }, () => systemRandom.id('req_'));
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^req_[a-z2-7]{24}$/);
  const letters = new Set(ids.join('').replaceAll('req_', ''));
  expect(letters.size).toBe(32);
});

it('draws numbers from all of [0, 1)', () => {
  const numbers = Array.from({ length: 5_000 }, () => systemRandom.next());
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  const mean = numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  // Ten standard errors around one half.
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.041);
});
