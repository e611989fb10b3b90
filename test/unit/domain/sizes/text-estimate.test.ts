import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  calibrate,
  calibratedTokens,
  estimateText,
  UNCALIBRATED,
} from '../../../../shared/domain/sizes/text-estimate.ts';

const ENCODINGS = ['o200k_base', 'cl100k_base'] as const;

function total(text: string): number {
  return calibratedTokens(estimateText('o200k_base', text), UNCALIBRATED);
}

describe('estimateText', () => {
  it('is total: any string has a finite estimate, at least one token unless empty', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(text, fc.constantFrom(...ENCODINGS), (sample, encoding) => {
        const { ascii, nonAscii } = estimateText(encoding, sample);
        expect(ascii + nonAscii).toBeGreaterThanOrEqual(sample === '' ? 0 : 1);
        expect(ascii + nonAscii).toBeLessThanOrEqual(sample.length * 3 + 1);
      }),
    );
    expect(total('')).toBe(0);
    expect(total('\ud800 \udc00')).toBeGreaterThan(0);
  });

  it('keeps what non-ASCII characters cost apart', () => {
    expect(estimateText('o200k_base', 'plain words').nonAscii).toBe(0);
    const mixed = estimateText('o200k_base', 'some words 今天天气');
    expect(mixed.ascii).toBeCloseTo(estimateText('o200k_base', 'some words ').ascii);
    expect(mixed.nonAscii).toBeGreaterThan(2);
  });

  it('estimates the whole as the sum of its lines, however many slices that takes', () => {
    const line = 'One more line of prose, with 1234 digits.\n';
    expect(total(line.repeat(5_000)) / (5_000 * total(line))).toBeCloseTo(1, 1);
  });

  it('reads ten megabytes on one line within two seconds', () => {
    const startedAt = performance.now();
    expect(total('lorem ipsum '.repeat(850_000))).toBeGreaterThan(1_000_000);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

describe('calibrate', () => {
  it('makes the totals come out, plain and mixed texts each', () => {
    const samples = [
      { estimate: { ascii: 100, nonAscii: 0 }, tokens: 110 },
      { estimate: { ascii: 100, nonAscii: 0 }, tokens: 130 },
      { estimate: { ascii: 50, nonAscii: 100 }, tokens: 60 + 150 },
    ];
    const calibration = calibrate(samples);
    expect(calibration.ascii).toBeCloseTo(1.2);
    expect(calibration.nonAscii).toBeCloseTo(1.5);
  });

  it('corrects nothing without samples, and never by more than double', () => {
    expect(calibrate([])).toEqual(UNCALIBRATED);
    const odd = [{ estimate: { ascii: 1, nonAscii: 0 }, tokens: 1_000 }];
    expect(calibrate(odd)).toEqual({ ascii: 2, nonAscii: 1 });
  });
});
