import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NATIVE_HAND_OVER_MS, NATIVE_TICK_MS } from '../../../shared/contracts/limits.ts';
import { parseCompletionWindow } from '../../../shared/domain/lanes/completion-window.ts';
import { percent } from '../../../shared/domain/lanes/duration-words.ts';
import type { Lane } from '../../../shared/domain/lanes/lane.ts';
import { type LaneOutlook, planLane } from '../../../shared/domain/lanes/plan-lane.ts';
import {
  CANCEL_PRIOR,
  JOB_PRIOR,
  turnaroundFrom,
} from '../../../shared/domain/lanes/turnaround.ts';

const COSTS = new URL('../../../docs/costs.md', import.meta.url);
const WINDOWS = ['30s', '5m', '10m', '15m', '30m', '1h', '2h', '6h', '24h'];

/** Nothing seen yet, nothing queued, on AWS. */
const FIRST_DAY: LaneOutlook = {
  backlogMs: 0,
  turnaround: turnaroundFrom(null, JOB_PRIOR),
  cancelMs: turnaroundFrom(null, CANCEL_PRIOR).quantileMs(0.9) ?? 0,
  tickMs: NATIVE_TICK_MS,
  handOverMs: NATIVE_HAND_OVER_MS,
  hasNativeRoom: true,
};

function plan(window: string, offered: readonly Lane[]): string {
  const { lane, chance, otherwise } = planLane(
    {
      wanted: null,
      offered,
      costs: { live: 1, flex: 0.5, native: 0.5 },
      deadlineAtMs: parseCompletionWindow(window),
      maxOutputTokens: 500,
      nowMs: 0,
    },
    FIRST_DAY,
  );
  return otherwise === null ? lane : `${lane} (${percent(chance)} end in time; else ${otherwise})`;
}

describe('docs/costs.md', () => {
  it('tells the lanes of the first day as the planner chooses them', () => {
    const rows = WINDOWS.map((window) => {
      const plain = plan(window, ['live', 'native']);
      return `| ${window} | ${plain} | ${plan(window, ['live', 'flex', 'native'])} |`;
    });
    expect(readFileSync(COSTS, 'utf8')).toContain(rows.join('\n'));
  });
});
