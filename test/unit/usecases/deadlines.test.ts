import { describe, expect, it } from 'vitest';
import {
  type DeadlineResult,
  type DeadlineSetting,
  runDeadlines,
} from '../../support/deadline-run.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const QUICK = { p50Ms: 7 * MINUTE_MS, p95Ms: 110 * MINUTE_MS };
const SLOW = { p50Ms: HOUR_MS, p95Ms: 10 * HOUR_MS };

const SETTINGS: readonly (readonly [string, Omit<DeadlineSetting, 'seed' | 'count'>])[] = [
  [
    'quick batches, short deadlines',
    { turnaround: QUICK, windows: 'log-uniform', arrivalMs: HOUR_MS, flexRefusedShare: null },
  ],
  [
    'slow batches, long deadlines',
    { turnaround: SLOW, windows: 'uniform', arrivalMs: 3 * HOUR_MS, flexRefusedShare: null },
  ],
  [
    'slow batches, and a flex lane without room for half',
    { turnaround: SLOW, windows: 'log-uniform', arrivalMs: HOUR_MS, flexRefusedShare: 0.5 },
  ],
];

/** The bench runs ten thousand of them: `npm run bench -- deadlines`. */
describe('1,000 requests with deadlines from 10 s to 24 h, through the whole engine', () => {
  it.each(SETTINGS)(
    '%s: none missed, none lost, and paid nearly as an oracle would',
    async (_, setting) => {
      const results: DeadlineResult[] = [];
      for (const seed of [1, 2])
        results.push(await runDeadlines({ ...setting, seed, count: 1_000 }));
      for (const result of results) {
        expect(result).toMatchObject({ missed: 0, missedAvoidably: 0, unanswered: 0 });
        expect(result.billedTwice).toBeLessThanOrEqual(result.reportedTwice);
        expect(result.billedTwice).toBeLessThan(10);
        expect(result.byLane.native).toBeGreaterThan(200);
        expect(result.escalated).toBeGreaterThan(0);
      }
      const sum = (read: (result: (typeof results)[number]) => number) =>
        results.reduce((total, result) => total + read(result), 0);
      expect(sum(({ cost }) => cost)).toBeLessThan(1.05 * sum(({ oracleCost }) => oracleCost));
      const hasFlex = setting.flexRefusedShare !== null;
      expect(sum(({ byLane }) => byLane.flex) > 0).toBe(hasFlex);
      expect(sum(({ flexRefused }) => flexRefused) > 0).toBe(hasFlex);
    },
  );
});
