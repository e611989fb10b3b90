import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  enterPhase,
  intendJob,
  pollDelayMs,
  splitRows,
  watchOver,
} from '../../../../shared/domain/native/native-job.ts';

const HOUR_MS = 3_600_000;
const job = intendJob(
  {
    id: 'job-1',
    provider: 'p',
    model: 'm',
    endpoint: '/v1/chat/completions',
    leaseOwner: 'job:1',
    manifest: { segment: 's', offset: 0, length: 1 },
    rowCount: 1,
    inputTokens: 1,
    maxOutputTokens: 1,
    longestAnswerTokens: 1,
    deadlineAtMs: null,
    halvings: 0,
    priming: null,
  },
  0,
);

describe('a job', () => {
  it('goes from phase to phase, and nowhere else', () => {
    const submitted = ['ready', 'uploaded', 'trying', 'submitted'] as const;
    const after = submitted.reduce((current, phase) => enterPhase(current, phase), job);
    expect(enterPhase(enterPhase(after, 'ended'), 'settled').phase).toBe('settled');
    expect(() => enterPhase(job, 'submitted')).toThrow('cannot go from intent to submitted');
    expect(() => enterPhase(after, 'trying')).toThrow('cannot go from submitted to trying');
  });

  it('is stuck half a day after its window, and lost another half later', () => {
    const running = { ...job, submittedAtMs: 0, expiresAtMs: 24 * HOUR_MS };
    expect(watchOver(running, 35 * HOUR_MS)).toBe('fine');
    expect(watchOver(running, 36 * HOUR_MS)).toBe('stuck');
    expect(watchOver(running, 48 * HOUR_MS)).toBe('lost');
    expect(watchOver({ ...running, expiresAtMs: 7 * 24 * HOUR_MS }, 48 * HOUR_MS)).toBe('fine');
  });
});

describe('splitting', () => {
  const row = fc.record({
    bytes: fc.integer({ min: 1, max: 120 }),
    inputTokens: fc.integer({ min: 0, max: 50 }),
  });

  it('keeps every row once, in order, and every job within its limits', () => {
    const limits = fc.record({
      mostRows: fc.integer({ min: 1, max: 7 }),
      mostBytes: fc.integer({ min: 50, max: 300 }),
      roomTokens: fc.option(fc.integer({ min: 0, max: 400 })),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), limits, (rows, bounds) => {
        const { jobs, waiting, oversize } = splitRows(rows, bounds);
        const kept = new Set([...jobs.flat(), ...waiting, ...oversize]);
        expect(kept.size).toBe(rows.length);
        expect(jobs.flat()).toEqual(rows.filter((one) => jobs.flat().includes(one)));
        for (const members of jobs) {
          expect(members.length).toBeGreaterThan(0);
          expect(members.length).toBeLessThanOrEqual(bounds.mostRows);
          const bytes = members.reduce((sum, one) => sum + one.bytes, 0);
          expect(bytes).toBeLessThanOrEqual(bounds.mostBytes);
        }
        const tokens = jobs.flat().reduce((sum, one) => sum + one.inputTokens, 0);
        expect(tokens).toBeLessThanOrEqual(bounds.roomTokens ?? Number.POSITIVE_INFINITY);
        expect(oversize.every(({ bytes }) => bytes > bounds.mostBytes)).toBe(true);
      }),
    );
  });
});

describe('time', () => {
  it('between two looks grows with the age, and obeys the provider', () => {
    expect(pollDelayMs(0, null, null)).toBe(1_000);
    expect(pollDelayMs(100_000, null, null)).toBe(10_000);
    expect(pollDelayMs(24 * HOUR_MS, null, null)).toBe(300_000);
    expect(pollDelayMs(0, null, 10_000)).toBe(10_000);
    const sight = { rawStatus: 'in_progress', isCancelling: false, total: 100, failed: 0 };
    expect(pollDelayMs(HOUR_MS, { ...sight, completed: 96 }, null)).toBe(75_000);
    expect(pollDelayMs(HOUR_MS, { ...sight, completed: 50 }, null)).toBe(300_000);
  });
});
