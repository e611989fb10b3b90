import type { Lane } from './lane.ts';
import { FLEX_NEEDS_MS } from './plan-lane.ts';

/**
 * The lane of a call made now: the one asked for if the model offers it, else the cheapest that
 * can meet the deadline. A request without a deadline, or one whose discounted lane was refused,
 * runs live; one that asked for a native batch has time, and runs in the discounted lane.
 */
export function chooseLane(
  wanted: Lane | null,
  offered: readonly Lane[],
  deadlineAtMs: number | null,
  nowMs: number,
): Exclude<Lane, 'native'> {
  if (wanted !== null && wanted !== 'native' && offered.includes(wanted)) return wanted;
  const hasTime =
    deadlineAtMs === null ? wanted === 'native' : deadlineAtMs - nowMs >= FLEX_NEEDS_MS;
  return hasTime && offered.includes('flex') ? 'flex' : 'live';
}
