import type { Lane } from './lane.ts';
import { FLEX_NEEDS_MS } from './plan-lane.ts';

/**
 * The synchronous lane a request takes now: the one it asked for if the model offers it, else the
 * cheapest that can meet the deadline. A request without a deadline, or one whose discounted lane
 * was refused, runs live. Whether it waits for a native batch instead is decided by `planLane`.
 */
export function chooseLane(
  wanted: Lane | null,
  offered: readonly Lane[],
  deadlineAtMs: number | null,
  nowMs: number,
): Exclude<Lane, 'native'> {
  if (wanted !== null && wanted !== 'native' && offered.includes(wanted)) return wanted;
  const hasTime = deadlineAtMs !== null && deadlineAtMs - nowMs >= FLEX_NEEDS_MS;
  return hasTime && offered.includes('flex') ? 'flex' : 'live';
}
