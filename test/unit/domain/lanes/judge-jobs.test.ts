import { describe, expect, it } from 'vitest';
import {
  type JobOutlook,
  type JobStanding,
  judgeJobs,
  mustRunNow,
} from '../../../../shared/domain/lanes/judge-jobs.ts';
import { answerAllowanceMs, FLEX_NEEDS_MS } from '../../../../shared/domain/lanes/plan-lane.ts';
import {
  emptyHistogram,
  JOB_PRIOR,
  observe,
  turnaroundFrom,
} from '../../../../shared/domain/lanes/turnaround.ts';

const NOW_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const OUTLOOK: JobOutlook = {
  hasFlex: false,
  backlogMs: 0,
  turnaround: turnaroundFrom(null, JOB_PRIOR),
  cancelMs: 5 * MINUTE_MS,
  tickMs: MINUTE_MS,
  handOverMs: 0,
  hasNativeRoom: true,
};

/** Twenty jobs that took from half an hour to four hours. */
const seen = Array.from({ length: 20 }, (_, index) => 0.5 * HOUR_MS * 1.11 ** index).reduce(
  (histogram, durationMs) => observe(histogram, { durationMs, hasEnded: true }, NOW_MS),
  emptyHistogram(NOW_MS),
);

const job = (over: Partial<JobStanding> = {}): JobStanding => ({
  id: 'job',
  submittedAtMs: NOW_MS - HOUR_MS,
  deadlineAtMs: NOW_MS + 2 * HOUR_MS,
  longestAnswerTokens: 256,
  drainMs: 0,
  ...over,
});

const judge = (...jobs: JobStanding[]) => judgeJobs(jobs, OUTLOOK, NOW_MS);

describe('judgeJobs', () => {
  it('waits until there is just time to cancel, look and answer live', () => {
    const deadlineAtMs = NOW_MS + 2 * HOUR_MS;
    expect(judge(job()).get('job')).toEqual({
      kind: 'wait',
      untilMs: deadlineAtMs - 6 * MINUTE_MS - answerAllowanceMs(256),
    });
  });

  it('keeps time for the discounted tier, and for live after it, where there ever was such time', () => {
    const offered = { ...OUTLOOK, hasFlex: true };
    const untilMs = (standing: JobStanding) => {
      const verdict = judgeJobs([standing], offered, NOW_MS).get('job');
      return verdict?.kind === 'wait' ? verdict.untilMs : verdict?.kind;
    };
    const deadlineAtMs = NOW_MS + 2 * HOUR_MS;
    expect(untilMs(job())).toBe(deadlineAtMs - 6 * MINUTE_MS - FLEX_NEEDS_MS);
    const short = { submittedAtMs: NOW_MS, deadlineAtMs: NOW_MS + 15 * MINUTE_MS };
    expect(untilMs(job(short))).toBe(short.deadlineAtMs - 6 * MINUTE_MS - answerAllowanceMs(256));
  });

  it('cancels what would be late, and says what the time is kept for', () => {
    const verdict = judge(job({ deadlineAtMs: NOW_MS + 6 * MINUTE_MS })).get('job');
    expect(verdict).toMatchObject({ kind: 'cancel', reason: 'late' });
    expect(verdict).toHaveProperty('why', expect.stringContaining('5 min 20 s'));
  });

  it('waits for ever where no row may leave the lane', () => {
    expect(judge(job({ deadlineAtMs: null })).get('job')).toEqual({ kind: 'wait', untilMs: null });
  });

  it('gives a job up for a new one when that is likelier to end in time', () => {
    const stale = { submittedAtMs: NOW_MS - 20 * HOUR_MS, deadlineAtMs: NOW_MS + 20 * HOUR_MS };
    const wise = { ...OUTLOOK, turnaround: turnaroundFrom(seen, JOB_PRIOR) };
    const judgeOne = (standing: JobStanding) => judgeJobs([standing], wise, NOW_MS).get('job');
    expect(judgeOne(job(stale))).toMatchObject({ kind: 'cancel', reason: 'slow' });
    // No older than usual.
    expect(judgeOne(job())?.kind).toBe('wait');
    // Nothing but an assumption.
    expect(judge(job(stale)).get('job')?.kind).toBe('wait');
  });

  it('keeps time for jobs that would have to be run one after the other', () => {
    const deadlineAtMs = NOW_MS + HOUR_MS;
    const drainMs = 10 * MINUTE_MS;
    const three = ['a', 'b', 'c'].map((id) => job({ id, deadlineAtMs, drainMs }));
    const waits = [...judge(...three).values()].map((verdict) =>
      verdict.kind === 'wait' ? deadlineAtMs - (verdict.untilMs ?? 0) : 0,
    );
    const reserve = 6 * MINUTE_MS + answerAllowanceMs(256);
    expect(waits.toSorted((one, other) => one - other)).toEqual([
      reserve + drainMs,
      reserve + 2 * drainMs,
      reserve + 3 * drainMs,
    ]);
  });

  it('keeps at most a quarter of its time for a job that could never be run in time', () => {
    const large = job({
      submittedAtMs: NOW_MS,
      deadlineAtMs: NOW_MS + 24 * HOUR_MS,
      drainMs: 99 * HOUR_MS,
    });
    expect(judge(large).get('job')?.kind).toBe('wait');
  });
});

describe('mustRunNow', () => {
  it('is so from the last look at which a live answer is in time', () => {
    const row = { deadlineAtMs: NOW_MS + 5 * MINUTE_MS, maxOutputTokens: 256 };
    const lastMs = row.deadlineAtMs - answerAllowanceMs(256) - OUTLOOK.tickMs;
    expect(mustRunNow(row, OUTLOOK, lastMs - 1)).toBe(false);
    expect(mustRunNow(row, OUTLOOK, lastMs)).toBe(true);
    expect(mustRunNow({ ...row, deadlineAtMs: null }, OUTLOOK, lastMs)).toBe(false);
  });
});
