import { describe, expect, it } from 'vitest';
import {
  explainUnreachable,
  type WindowQuestion,
} from '../../../../shared/domain/batches/window-reach.ts';
import type { LaneOutlook } from '../../../../shared/domain/lanes/plan-lane.ts';
import { JOB_PRIOR, turnaroundFrom } from '../../../../shared/domain/lanes/turnaround.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const QUESTION: WindowQuestion = {
  model: 'gpt-4o-mini',
  requests: 300,
  window: '30m',
  leftMs: 30 * MINUTE_MS,
  wanted: null,
  offered: ['live', 'native'],
  drainMs: 2 * HOUR_MS,
};
const OUTLOOK: LaneOutlook = {
  backlogMs: 0,
  turnaround: turnaroundFrom(null, JOB_PRIOR),
  cancelMs: 120_000,
  tickMs: MINUTE_MS,
  handOverMs: 0,
  hasNativeRoom: true,
};
const explain = (question: Partial<WindowQuestion> = {}, outlook: Partial<LaneOutlook> = {}) =>
  explainUnreachable({ ...QUESTION, ...question }, { ...OUTLOOK, ...outlook });

describe('whether a window can be met', () => {
  it.each([
    ['calls are quick enough', { drainMs: 30 * MINUTE_MS }, {}],
    ['the first minute’s worth is there at once', { drainMs: 31 * MINUTE_MS }, {}],
    ['native batches mostly end in it', { leftMs: 24 * HOUR_MS, drainMs: 48 * HOUR_MS }, {}],
    ['the native lane is asked for and has time', { wanted: 'native', leftMs: 3 * HOUR_MS }, {}],
  ] as const)('it can when %s', (_, question, outlook) => {
    expect(explain(question, outlook)).toBeNull();
  });

  it.each([
    [
      'neither lane has time',
      {},
      {},
      '300 requests of gpt-4o-mini take at least 2 h at the rates it is allowed; the completion window of 30m leaves 30 min; 28 % of its native batches (assumed) end in that time. What is late expires.',
    ],
    [
      'others wait already',
      { drainMs: 10 * MINUTE_MS, offered: ['live'] },
      { backlogMs: HOUR_MS },
      '300 requests of gpt-4o-mini take at least 1 h 10 min at the rates it is allowed, 1 h of it for what waits already; the completion window of 30m leaves 30 min. What is late expires.',
    ],
    [
      'the queue of native batches is full',
      { leftMs: 24 * HOUR_MS, window: '24h', drainMs: 48 * HOUR_MS },
      { hasNativeRoom: false },
      "300 requests of gpt-4o-mini take at least 2 d at the rates it is allowed; the completion window of 24h leaves 1 d; the provider's queue of native batches is full. What is late expires.",
    ],
    [
      'live is asked for',
      { wanted: 'live', leftMs: 24 * HOUR_MS, window: '24h', drainMs: 48 * HOUR_MS },
      {},
      '300 requests of gpt-4o-mini take at least 2 d at the rates it is allowed; the completion window of 24h leaves 1 d. What is late expires.',
    ],
    [
      'native is asked for without time',
      { wanted: 'native', drainMs: 0 },
      {},
      '300 requests of gpt-4o-mini were to go as a native batch; the completion window of 30m leaves 30 min; 28 % of its native batches (assumed) end in that time. What is late expires.',
    ],
  ] as const)('says why not when %s', (_, question, outlook, words) => {
    expect(explain(question, outlook)).toBe(words);
  });
});
