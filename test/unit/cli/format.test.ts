import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatQuantity,
  formatRate,
  formatShare,
  formatUsd,
} from '../../../cli/format.ts';

describe('format', () => {
  it.each([
    [0, '$0.0000'],
    [1, '$0.000001'],
    [99, '$0.000099'],
    [12_300, '$0.0123'],
    [1_234_567_890, '$1,234.5679'],
  ])('writes %d micro-dollars as %s', (microUsd, expected) => {
    expect(formatUsd(microUsd)).toBe(expected);
  });

  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [1_500, '1.5 s'],
    [42_400, '42 s'],
    [59_600, '1 min 00 s'],
    [425_000, '7 min 05 s'],
    [12_000_000, '3 h 20 min'],
    [187_200_000, '2 d 04 h'],
  ])('writes %d ms as %s', (ms, expected) => {
    expect(formatDuration(ms)).toBe(expected);
  });

  it('writes counts, shares, rates and sizes', () => {
    expect(formatCount(8_214)).toBe('8,214');
    expect(formatShare(0.734)).toBe('73 %');
    expect(formatRate(3.14)).toBe('3.1/s');
    expect(formatRate(1_234.5)).toBe('1,235/s');
    expect(formatBytes(999)).toBe('999 B');
    expect(formatBytes(12_420_000)).toBe('12.4 MB');
    expect(formatBytes(3e15)).toBe('3000 TB');
    expect([formatQuantity(1, 'line'), formatQuantity(2, 'line')]).toEqual(['1 line', '2 lines']);
  });
});
