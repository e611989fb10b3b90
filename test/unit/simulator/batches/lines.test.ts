import { expect, test } from 'vitest';
import { Lines } from '../../../../simulator/batches/lines.ts';

test('blank lines count but are not kept; the last needs no end; carriage returns do no harm', () => {
  const lines = new Lines(Buffer.from('{"a":1}\r\n\n  \n{"é":2}'));
  expect(lines.length).toBe(2);
  expect(JSON.parse(lines.at(0))).toEqual({ a: 1 });
  expect(lines.at(1)).toBe('{"é":2}');
  expect([lines.numberOf(0), lines.numberOf(1)]).toEqual([1, 4]);
});

test('an empty file has no lines', () => {
  expect(new Lines(Buffer.alloc(0)).length).toBe(0);
});
