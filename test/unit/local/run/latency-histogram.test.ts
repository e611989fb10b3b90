import { expect, it } from 'vitest';
import { LatencyHistogram } from '../../../../local/run/latency-histogram.ts';

it('knows percentiles to within 2 %', () => {
  const histogram = new LatencyHistogram();
  expect(histogram.percentile(0.5)).toBeNull();
  for (let ms = 1; ms <= 10_000; ms += 1) histogram.add(ms);
  for (const share of [0.5, 0.95, 0.99]) {
    const found = histogram.percentile(share) ?? 0;
    expect(Math.abs(found / (share * 10_000) - 1)).toBeLessThan(0.025);
  }
});

it('takes times of any size', () => {
  const histogram = new LatencyHistogram();
  for (const ms of [-5, 0, Number.MAX_SAFE_INTEGER]) histogram.add(ms);
  expect(histogram.percentile(0.5)).toBe(1);
  expect(histogram.percentile(1)).toBeGreaterThan(1_000_000_000);
});
