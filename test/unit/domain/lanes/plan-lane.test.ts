import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lane } from '../../../../shared/domain/lanes/lane.ts';
import {
  answerAllowanceMs,
  deadlineClass,
  gatherMs,
  type LaneOutlook,
  type LaneQuestion,
  planLane,
} from '../../../../shared/domain/lanes/plan-lane.ts';
import { JOB_PRIOR, turnaroundFrom } from '../../../../shared/domain/lanes/turnaround.ts';

const NOW_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const ALL: readonly Lane[] = ['live', 'flex', 'native'];
const TWO: readonly Lane[] = ['live', 'native'];

const OUTLOOK: LaneOutlook = {
  backlogMs: 0,
  turnaround: turnaroundFrom(null, JOB_PRIOR),
  cancelMs: 5 * MINUTE_MS,
  tickMs: MINUTE_MS,
  handOverMs: 0,
  hasNativeRoom: true,
};

const ask = (windowMs: number | null, over: Partial<LaneQuestion> = {}): LaneQuestion => ({
  wanted: null,
  offered: TWO,
  costs: { live: 100, flex: 50, native: 50 },
  deadlineAtMs: windowMs === null ? null : NOW_MS + windowMs,
  maxOutputTokens: 256,
  nowMs: NOW_MS,
  ...over,
});

describe('planLane', () => {
  it.each([
    ['no time limit', null, TWO, 'live'],
    ['half a minute', 30_000, ALL, 'live'],
    ['a quarter of an hour, with flex', 15 * MINUTE_MS, ALL, 'flex'],
    ['five minutes', 5 * MINUTE_MS, TWO, 'live'],
    ['six hours', 6 * HOUR_MS, ALL, 'native'],
    ['half an hour without flex', 30 * MINUTE_MS, TWO, 'native'],
    ['half an hour with flex, which costs the same and is sure', 30 * MINUTE_MS, ALL, 'flex'],
    ['a model that has nothing else', 24 * HOUR_MS, ['live'], 'live'],
  ] as const)('%s', (_, windowMs, offered, lane) => {
    expect(planLane(ask(windowMs, { offered }), OUTLOOK).lane).toBe(lane);
  });

  it('says why in one sentence with its numbers', () => {
    const why = (windowMs: number | null, over: Partial<LaneQuestion> = {}) =>
      planLane(ask(windowMs, over), OUTLOOK).why;
    expect(why(24 * HOUR_MS)).toBe(
      'Native: 50 % off, and 94 % of its batches (assumed) end within the 24 h before it would go live.',
    );
    expect(why(30_000)).toBe(
      'Live: 30 s to the deadline; to cancel a native batch and answer live after it takes up to 6 min 20 s.',
    );
    expect(why(15 * MINUTE_MS, { offered: ALL })).toBe('Flex: 50 % off, 15 min to the deadline.');
    expect(why(null)).toBe('Live: no time limit was set, and only a time limit buys a discount.');
    expect(why(HOUR_MS, { wanted: 'live' })).toBe('Live: asked for.');
  });

  it('keeps a lane that was asked for, and lets its rows wait for ever', () => {
    const plan = planLane(ask(MINUTE_MS, { wanted: 'native' }), OUTLOOK);
    expect(plan).toMatchObject({ lane: 'native', escalateAtMs: null, meetsDeadline: false });
    expect(planLane(ask(null, { wanted: 'native' }), OUTLOOK).meetsDeadline).toBe(true);
  });

  it('takes no lane that is not cheaper, and none whose queue is full', () => {
    const dear = { live: 100, flex: 100, native: 100 };
    expect(planLane(ask(24 * HOUR_MS, { costs: dear, offered: ALL }), OUTLOOK).lane).toBe('live');
    const full = planLane(ask(24 * HOUR_MS), { ...OUTLOOK, hasNativeRoom: false });
    expect(full.lane).toBe('live');
    expect(full.why).toContain('queue of native batches is full');
  });

  it('tells when the queue alone is longer than the time left', () => {
    const late = planLane(ask(MINUTE_MS), { ...OUTLOOK, backlogMs: HOUR_MS });
    expect(late).toMatchObject({ lane: 'live', meetsDeadline: false });
  });

  it('leaves the native lane while there is time to cancel, to look, and to answer live', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 30 * 24 * HOUR_MS }),
        fc.integer({ min: 0, max: 2 * HOUR_MS }),
        fc.integer({ min: 1, max: 20_000 }),
        fc.boolean(),
        (windowMs, backlogMs, maxOutputTokens, hasFlex) => {
          const offered = hasFlex ? ALL : TWO;
          const question = ask(windowMs, { offered, maxOutputTokens });
          const plan = planLane(question, { ...OUTLOOK, backlogMs });
          expect(plan.escalateAtMs === null).toBe(plan.lane !== 'native');
          if (plan.escalateAtMs === null) return;
          const reserve =
            OUTLOOK.cancelMs + OUTLOOK.tickMs + backlogMs + answerAllowanceMs(maxOutputTokens);
          expect(plan.escalateAtMs).toBeLessThanOrEqual(NOW_MS + windowMs - reserve);
          expect(plan.escalateAtMs).toBeGreaterThan(NOW_MS);
        },
      ),
    );
  });

  it('never plans a dearer lane for more time', () => {
    let wasCheap = false;
    for (let windowMs = 1_000; windowMs < 48 * HOUR_MS; windowMs *= 1.1) {
      const { lane } = planLane(ask(windowMs), OUTLOOK);
      if (wasCheap) expect(lane).toBe('native');
      wasCheap = lane === 'native';
    }
    expect(wasCheap).toBe(true);
  });
});

describe('deadlineClass', () => {
  it('puts rows together whose time left differs by less than half', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: MINUTE_MS, max: 30 * 24 * HOUR_MS }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        (slackMs, factor) => {
          const one = deadlineClass(NOW_MS + slackMs, NOW_MS);
          const other = deadlineClass(NOW_MS + Math.ceil(slackMs * factor), NOW_MS);
          if (one === other) expect(factor).toBeLessThan(1.5);
          expect(other).toBeGreaterThanOrEqual(one ?? Number.NaN);
        },
      ),
    );
    expect(deadlineClass(null, NOW_MS)).toBeNull();
    expect(deadlineClass(NOW_MS - 1, NOW_MS)).toBe(0);
  });
});

describe('gatherMs', () => {
  it('spends little of the time left, and never more than minutes', () => {
    expect(gatherMs(-1)).toBe(0);
    expect(gatherMs(64 * MINUTE_MS)).toBe(MINUTE_MS);
    expect(gatherMs(24 * HOUR_MS)).toBe(5 * MINUTE_MS);
    expect(gatherMs(null)).toBe(5 * MINUTE_MS);
  });
});
