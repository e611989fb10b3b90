/**
 * The planner's rules in virtual time: requests with deadlines, jobs that end when they please, a
 * home that looks at them once a tick. No I/O: 10,000 requests take a second.
 */

import {
  type JobStanding,
  judgeJobs,
  MOST_TRIES,
  mustRunNow,
} from '../../shared/domain/judge-jobs.ts';
import {
  deadlineClass,
  gatherMs,
  type LaneOutlook,
  planLane,
} from '../../shared/domain/plan-lane.ts';
import {
  CANCEL_PRIOR,
  emptyHistogram,
  JOB_PRIOR,
  observe,
  turnaroundFrom,
} from '../../shared/domain/turnaround.ts';
import type { DrawDuration } from './draws.ts';

export interface DeadlineSetting {
  readonly requests: readonly TimedRequest[];
  readonly tickMs: number;
  /** Of the job of a class that is built at an instant. `Infinity`: it expires. Unit: ms. */
  readonly turnaroundMs: (job: string) => number;
  readonly cancelMs: DrawDuration;
  readonly answerMs: DrawDuration;
}

export interface TimedRequest {
  readonly createdAtMs: number;
  readonly deadlineAtMs: number;
  readonly maxOutputTokens: number;
}

/** What it came to. Costs in list prices of one request. */
export interface DeadlineResult {
  readonly cost: number;
  readonly oracleCost: number;
  readonly strictOracleCost: number;
  readonly missed: number;
  /** Missed ones that a live call at acceptance would have met. */
  readonly missedAvoidably: number;
  readonly byLane: { readonly live: number; readonly native: number };
  readonly escalated: number;
  readonly jobs: number;
  readonly cancelled: { late: number; slow: number };
  /** Answered by a job and live as well, since no time was left to wait for the cancellation. */
  readonly billedTwice: number;
}

const LIST = 1;
const HALF = 0.5;
const COSTS = { live: LIST, flex: HALF, native: HALF };
const DAY_MS = 86_400_000;
const LATEST_CANCEL_MS = 600_000;

interface Row {
  readonly index: number;
  readonly request: TimedRequest;
  waitingSinceMs: number;
  tries: number;
  cost: number;
  finishedAtMs: number | null;
  lane: 'live' | 'native' | null;
  wasNative: boolean;
}

interface Job {
  readonly standing: JobStanding;
  readonly rows: readonly Row[];
  readonly turnaroundMs: number;
  cancelledAtMs: number | null;
  endsAtMs: number;
}

/** One draw for each class, instant, and number of tries before. */
function jobName(group: number | null, triesBefore: number, nowMs: number): string {
  return `${group} ${triesBefore} ${nowMs}`;
}

/**
 * What it costs one who knows how long each job will take: half the price for each request of which
 * one of its next `most` jobs, built by the planner's own rules, ends in time.
 */
export function oracleCost(
  { requests, tickMs, turnaroundMs }: DeadlineSetting,
  most: number,
): number {
  let cost = 0;
  for (const { createdAtMs, deadlineAtMs } of requests) {
    let isMet = false;
    let fromMs = createdAtMs;
    for (let tries = 0; tries < most && !isMet; tries += 1) {
      const dueMs = fromMs + Math.max(0, gatherMs(deadlineAtMs - fromMs) - tickMs);
      const builtMs = Math.ceil(dueMs / tickMs) * tickMs;
      if (builtMs >= deadlineAtMs) break;
      const takesMs = turnaroundMs(jobName(deadlineClass(deadlineAtMs, builtMs), tries, builtMs));
      isMet = takesMs <= DAY_MS && Math.ceil((builtMs + takesMs) / tickMs) * tickMs <= deadlineAtMs;
      fromMs = builtMs + 1;
    }
    cost += isMet ? HALF : LIST;
  }
  return cost;
}

export function runDeadlines(setting: DeadlineSetting): DeadlineResult {
  const { requests, tickMs } = setting;
  let jobHistory = emptyHistogram(0);
  let cancelHistory = emptyHistogram(0);
  const rows: Row[] = requests.map((request, index) => ({
    index,
    request,
    waitingSinceMs: request.createdAtMs,
    tries: 0,
    cost: 0,
    finishedAtMs: null,
    lane: null,
    wasNative: false,
  }));
  const arriving = rows.toSorted((a, b) => a.request.createdAtMs - b.request.createdAtMs);
  let waiting: Row[] = [];
  let open: Job[] = [];
  let jobs = 0;
  let escalated = 0;
  let billedTwice = 0;
  const cancelled = { late: 0, slow: 0 };
  const lookups: LaneOutlook = outlook();

  function outlook(): LaneOutlook {
    return {
      backlogMs: 0,
      turnaround: turnaroundFrom(jobHistory, JOB_PRIOR),
      cancelMs: Math.min(
        LATEST_CANCEL_MS,
        turnaroundFrom(cancelHistory, CANCEL_PRIOR).quantileMs(0.9) ?? LATEST_CANCEL_MS,
      ),
      tickMs,
      hasNativeRoom: true,
    };
  }

  function answer(row: Row, lane: 'live' | 'native', atMs: number): void {
    row.finishedAtMs = atMs;
    row.lane = lane;
  }

  function runLive(row: Row, nowMs: number): void {
    if (row.wasNative) escalated += 1;
    row.cost += LIST;
    answer(row, 'live', nowMs + setting.answerMs(row.index));
  }

  function place(row: Row, nowMs: number, facts: LaneOutlook): void {
    const { deadlineAtMs, maxOutputTokens } = row.request;
    const { lane } = planLane(
      {
        wanted: null,
        offered: ['live', 'native'],
        costs: COSTS,
        deadlineAtMs,
        maxOutputTokens,
        nowMs,
      },
      facts,
    );
    if (lane === 'native') {
      row.wasNative = true;
      waiting.push(row);
    } else runLive(row, nowMs);
  }

  function end(job: Job, nowMs: number): void {
    const { submittedAtMs } = job.standing;
    const isCut = job.cancelledAtMs !== null || job.turnaroundMs === Number.POSITIVE_INFINITY;
    jobHistory = observe(
      jobHistory,
      { durationMs: (job.cancelledAtMs ?? job.endsAtMs) - submittedAtMs, hasEnded: !isCut },
      nowMs,
    );
    if (job.cancelledAtMs !== null) {
      cancelHistory = observe(
        cancelHistory,
        { durationMs: job.endsAtMs - job.cancelledAtMs, hasEnded: true },
        nowMs,
      );
    }
    const doneShare = isCut
      ? (job.endsAtMs - submittedAtMs) / Math.min(job.turnaroundMs, 2 * DAY_MS)
      : 1;
    const done = Math.floor(job.rows.length * Math.min(1, doneShare));
    job.rows.forEach((row, index) => {
      if (index < done) {
        row.cost += HALF;
        if (row.finishedAtMs === null) answer(row, 'native', nowMs);
        else billedTwice += 1;
      } else if (row.finishedAtMs === null) {
        row.waitingSinceMs = nowMs;
        place(row, nowMs, lookups);
      }
    });
  }

  function build(nowMs: number): void {
    const groups = new Map<string, Row[]>();
    for (const row of waiting) {
      const key = `${deadlineClass(row.request.deadlineAtMs, nowMs)} ${row.tries}`;
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    for (const group of groups.values()) {
      const isDue = group.some(
        (row) =>
          nowMs - row.waitingSinceMs >=
          gatherMs(row.request.deadlineAtMs - row.waitingSinceMs) - tickMs,
      );
      if (!isDue) continue;
      const turnaroundMs = setting.turnaroundMs(
        jobName(
          deadlineClass(group[0]?.request.deadlineAtMs ?? null, nowMs),
          group[0]?.tries ?? 0,
          nowMs,
        ),
      );
      const standing: JobStanding = {
        id: String(jobs),
        submittedAtMs: nowMs,
        deadlineAtMs: Math.min(...group.map((row) => row.request.deadlineAtMs)),
        maxOutputTokens: Math.max(...group.map((row) => row.request.maxOutputTokens)),
        drainMs: 0,
        tries: (group[0]?.tries ?? 0) + 1,
      };
      jobs += 1;
      for (const row of group) row.tries += 1;
      open.push({
        standing,
        rows: group,
        turnaroundMs,
        cancelledAtMs: null,
        endsAtMs: nowMs + Math.min(turnaroundMs, DAY_MS),
      });
      const taken = new Set(group);
      waiting = waiting.filter((row) => !taken.has(row));
    }
  }

  let nowMs = 0;
  let next = 0;
  while (next < arriving.length || waiting.length > 0 || open.length > 0) {
    const facts = outlook();
    Object.assign(lookups, facts);
    for (
      let row = arriving[next];
      row !== undefined && row.request.createdAtMs < nowMs + tickMs;
      row = arriving[next]
    ) {
      if (row.request.createdAtMs > nowMs) break;
      next += 1;
      place(row, row.request.createdAtMs, facts);
    }
    const ended = open.filter((job) => job.endsAtMs <= nowMs);
    open = open.filter((job) => job.endsAtMs > nowMs);
    for (const job of ended) end(job, nowMs);
    const running = open.filter((job) => job.cancelledAtMs === null);
    const verdicts = judgeJobs(
      running.map(({ standing }) => standing),
      facts,
      nowMs,
    );
    for (const job of running) {
      const verdict = verdicts.get(job.standing.id);
      if (verdict?.kind !== 'cancel') continue;
      cancelled[verdict.reason] += 1;
      job.cancelledAtMs = nowMs;
      job.endsAtMs = Math.min(
        job.endsAtMs,
        nowMs + Math.min(LATEST_CANCEL_MS, setting.cancelMs(Number(job.standing.id))),
      );
    }
    for (const job of open) {
      if (job.cancelledAtMs === null) continue;
      for (const row of job.rows) {
        if (row.finishedAtMs === null && mustRunNow(row.request, facts, nowMs)) runLive(row, nowMs);
      }
    }
    const before = waiting;
    waiting = [];
    for (const row of before) place(row, nowMs, facts);
    build(nowMs);
    nowMs += tickMs;
  }

  let missed = 0;
  let missedAvoidably = 0;
  const byLane = { live: 0, native: 0 };
  for (const row of rows) {
    byLane[row.lane ?? 'live'] += 1;
    if ((row.finishedAtMs ?? Number.POSITIVE_INFINITY) <= row.request.deadlineAtMs) continue;
    missed += 1;
    const { createdAtMs, deadlineAtMs } = row.request;
    if (createdAtMs + setting.answerMs(row.index) <= deadlineAtMs) missedAvoidably += 1;
  }
  return {
    cost: rows.reduce((sum, { cost }) => sum + cost, 0),
    oracleCost: oracleCost(setting, 1),
    strictOracleCost: oracleCost(setting, MOST_TRIES),
    missed,
    missedAvoidably,
    byLane,
    escalated,
    jobs,
    cancelled,
    billedTwice,
  };
}
