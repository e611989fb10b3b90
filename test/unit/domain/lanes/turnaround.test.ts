import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DurationHistogram,
  emptyHistogram,
  JOB_PRIOR,
  observe,
  turnaroundFrom,
} from '../../../../shared/domain/lanes/turnaround.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = 1_700_000_000_000;

function learnt(durations: readonly number[], hasEnded = true, start = emptyHistogram(NOW_MS)) {
  return durations.reduce<DurationHistogram>(
    (histogram, durationMs) => observe(histogram, { durationMs, hasEnded }, NOW_MS),
    start,
  );
}

describe('turnaround', () => {
  it('believes the prior before anything was seen', () => {
    const turnaround = turnaroundFrom(null, JOB_PRIOR);
    expect(turnaround.seen).toBe(0);
    expect(turnaround.shareWithin(HOUR_MS)).toBeCloseTo(0.5 * 0.95, 1);
    expect(turnaround.quantileMs(0.5)).toBeGreaterThan(HOUR_MS);
    expect(turnaround.quantileMs(0.5)).toBeLessThan(1.5 * HOUR_MS);
    // As many never end as the prior says.
    expect(turnaround.quantileMs(0.97)).toBeNull();
  });

  it('finds the quantiles of what it saw within a bucket', () => {
    const seen = Array.from({ length: 400 }, (_, index) => 60_000 + index * 3_000);
    const turnaround = turnaroundFrom(learnt(seen), JOB_PRIOR);
    const median = turnaround.quantileMs(0.5) ?? 0;
    expect(median).toBeGreaterThan(660_000 / 1.25);
    expect(median).toBeLessThan(660_000 * 1.25);
    expect(turnaround.shareWithin(1_260_000 * 1.25)).toBeGreaterThan(0.97);
  });

  it('learns from jobs that were cut short that jobs take longer', () => {
    const ended = learnt(Array.from({ length: 50 }, () => HOUR_MS));
    const withCut = learnt(
      Array.from({ length: 50 }, () => 2 * HOUR_MS),
      false,
      ended,
    );
    const share = (histogram: DurationHistogram) =>
      turnaroundFrom(histogram, JOB_PRIOR).shareWithin(1.5 * HOUR_MS);
    expect(share(ended)).toBeGreaterThan(0.9);
    expect(share(withCut)).toBeCloseTo(0.5, 1);
  });

  it('forgets: after weeks the prior is back', () => {
    const old = learnt(Array.from({ length: 20 }, () => 60_000));
    const later = observe(old, { durationMs: HOUR_MS, hasEnded: true }, NOW_MS + 60 * DAY_MS);
    expect(turnaroundFrom(old, JOB_PRIOR).shareWithin(120_000)).toBeGreaterThan(0.8);
    expect(turnaroundFrom(later, JOB_PRIOR).shareWithin(120_000)).toBeLessThan(0.1);
  });

  it('fades nothing for a clock that runs behind', () => {
    const one = learnt([HOUR_MS]);
    expect(observe(one, { durationMs: HOUR_MS, hasEnded: true }, NOW_MS - DAY_MS)).toEqual(
      learnt([HOUR_MS, HOUR_MS]),
    );
  });

  it('is a distribution: from 0 to 1, never falling, its quantiles its inverse', () => {
    const durations = fc.array(fc.integer({ min: 1, max: 3 * DAY_MS }), { maxLength: 40 });
    fc.assert(
      fc.property(
        durations,
        durations,
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (ended, cut, share) => {
          const turnaround = turnaroundFrom(learnt(cut, false, learnt(ended)), JOB_PRIOR);
          let before = 0;
          for (let ms = 500; ms < 3 * DAY_MS; ms *= 1.5) {
            const within = turnaround.shareWithin(ms);
            expect(within).toBeGreaterThanOrEqual(before - 1e-9);
            expect(within).toBeLessThanOrEqual(1);
            before = within;
          }
          const quantile = turnaround.quantileMs(share);
          if (quantile !== null && quantile > 1_000) {
            expect(turnaround.shareWithin(quantile)).toBeGreaterThan(share - 0.05);
            expect(turnaround.shareWithin(quantile * 0.75)).toBeLessThan(share + 1e-6);
          }
        },
      ),
    );
  });

  it('stays small as JSON', () => {
    const seen = Array.from({ length: 500 }, (_, index) => 1_000 * 1.02 ** index);
    expect(JSON.stringify(learnt(seen)).length).toBeLessThan(1_000);
    expect(JSON.parse(JSON.stringify(learnt(seen)))).toEqual(learnt(seen));
  });
});
