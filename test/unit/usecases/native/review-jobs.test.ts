import { describe, expect, it } from 'vitest';
import { judgeJobs } from '../../../../shared/domain/lanes/judge-jobs.ts';
import type { LaneOutlook } from '../../../../shared/domain/lanes/plan-lane.ts';
import { JOB_PRIOR, turnaroundFrom } from '../../../../shared/domain/lanes/turnaround.ts';
import {
  createReviewJobs,
  type OpenJob,
  type TimedRow,
} from '../../../../shared/usecases/native/review-jobs.ts';

const NOW_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;

const OUTLOOK: LaneOutlook = {
  backlogMs: 0,
  turnaround: turnaroundFrom(null, JOB_PRIOR),
  cancelMs: 2 * MINUTE_MS,
  tickMs: MINUTE_MS,
  handOverMs: 0,
  hasNativeRoom: true,
};

const job = (id: string, leftMs: number | null, over: Partial<OpenJob> = {}): OpenJob => ({
  id,
  model: 'm',
  deadlineAtMs: leftMs === null ? null : NOW_MS + leftMs,
  createdAtMs: NOW_MS - 30 * MINUTE_MS,
  submittedAtMs: NOW_MS - 29 * MINUTE_MS,
  rowCount: 100,
  inputTokens: 1_000,
  maxOutputTokens: 10_000,
  longestAnswerTokens: 100,
  cancelWantedAtMs: null,
  ...over,
});

async function review(jobs: readonly OpenJob[], rows: readonly TimedRow[] = []) {
  const cancelled: string[] = [];
  const released: string[] = [];
  const report = await createReviewJobs({
    planner: {
      outlook: async () => OUTLOOK,
      drainMs: async () => 0,
      judge: async (_, standings) => judgeJobs(standings, { ...OUTLOOK, hasFlex: false }, NOW_MS),
    },
    openJobs: async () => jobs,
    async cancel(id) {
      cancelled.push(id);
      return id !== 'over';
    },
    async release(id, isDue) {
      released.push(id);
      return rows.filter(isDue).length;
    },
    nowMs: () => NOW_MS,
  })(new AbortController().signal);
  return { report, cancelled, released };
}

describe('review of jobs', () => {
  it('cancels those that would be late, and no other', async () => {
    const { report, cancelled } = await review([
      job('early', 60 * MINUTE_MS),
      job('late', 3 * MINUTE_MS),
      job('over', 3 * MINUTE_MS),
      job('patient', null),
    ]);
    expect(cancelled).toEqual(['late', 'over']);
    expect(report).toEqual({ cancelledLate: 1, cancelledSlow: 0, released: 0 });
  });

  it('runs rows live that cannot wait for the cancellation any longer, and only those', async () => {
    const cancelling = { cancelWantedAtMs: NOW_MS - 5 * MINUTE_MS };
    const rows = [MINUTE_MS, 20 * MINUTE_MS].map((leftMs) => ({
      deadlineAtMs: NOW_MS + leftMs,
      maxOutputTokens: 100,
    }));
    const { report, cancelled, released } = await review(
      [job('due', MINUTE_MS, cancelling), job('not yet', 20 * MINUTE_MS, cancelling)],
      rows,
    );
    expect(cancelled).toEqual([]);
    expect(released).toEqual(['due']);
    expect(report.released).toBe(1);
  });
});
