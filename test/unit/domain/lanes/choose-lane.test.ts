import { describe, expect, it } from 'vitest';
import { chooseLane, type LaneOfCall } from '../../../../shared/domain/lanes/choose-lane.ts';
import { answerAllowanceMs } from '../../../../shared/domain/lanes/plan-lane.ts';

const NOW_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const LONG_ANSWER = 20_000;

const choose = (over: Partial<LaneOfCall> & { leftMs?: number } = {}) => {
  const { leftMs, ...rest } = over;
  return chooseLane(
    {
      wanted: null,
      offered: ['live', 'flex'],
      deadlineAtMs: leftMs === undefined ? null : NOW_MS + leftMs,
      maxOutputTokens: 200,
      attempts: 0,
      ...rest,
    },
    NOW_MS,
  );
};

describe('lane of a call', () => {
  it('is live without a deadline, and in the discounted tier where one was asked for', () => {
    expect(choose()).toEqual({ lane: 'live', withinMs: null });
    expect(choose({ wanted: 'flex' })).toEqual({ lane: 'flex', withinMs: null });
    expect(choose({ wanted: 'native' })).toEqual({ lane: 'flex', withinMs: null });
    expect(choose({ wanted: 'live', leftMs: 60 * MINUTE_MS }).lane).toBe('live');
    expect(choose({ wanted: 'flex', offered: ['live'] }).lane).toBe('live');
  });

  it('is flex with minutes to spare, given up while a live answer can still be in time', () => {
    const withinMs = 10 * MINUTE_MS - answerAllowanceMs(200);
    expect(choose({ leftMs: 10 * MINUTE_MS })).toEqual({ lane: 'flex', withinMs });
    expect(choose({ leftMs: 10 * MINUTE_MS - 1 }).lane).toBe('live');
  });

  it('keeps more time where a live answer may be long', () => {
    expect(choose({ leftMs: 14 * MINUTE_MS, maxOutputTokens: LONG_ANSWER }).lane).toBe('live');
    expect(choose({ leftMs: 15 * MINUTE_MS, maxOutputTokens: LONG_ANSWER })).toEqual({
      lane: 'flex',
      withinMs: 5 * MINUTE_MS,
    });
  });

  it('is live after two attempts that did not come back, also where flex was asked for', () => {
    expect(choose({ wanted: 'flex', attempts: 1 }).lane).toBe('flex');
    expect(choose({ wanted: 'flex', attempts: 2 }).lane).toBe('live');
    expect(choose({ leftMs: 60 * MINUTE_MS, attempts: 2 }).lane).toBe('live');
  });

  it('keeps a lane that was asked for although the time does not reach', () => {
    expect(choose({ wanted: 'flex', leftMs: 1_000 })).toEqual({ lane: 'flex', withinMs: null });
  });
});
