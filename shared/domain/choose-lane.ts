import type { Lane } from './lane.ts';

/** Time to the deadline from which the provider's discounted synchronous tier is worth trying. */
const FLEX_NEEDS_MS = 10 * 60_000;

/**
 * The lane a request takes now: the one it asked for if the model offers it, else the cheapest
 * synchronous lane that can meet the deadline. A request without a deadline, or one whose
 * discounted lane was refused, runs live.
 */
export function chooseLane(
  wanted: Lane | null,
  offered: readonly Lane[],
  deadlineAtMs: number | null,
  nowMs: number,
): Lane {
  if (wanted !== null && offered.includes(wanted)) return wanted;
  const hasTime = deadlineAtMs !== null && deadlineAtMs - nowMs >= FLEX_NEEDS_MS;
  return hasTime && offered.includes('flex') ? 'flex' : 'live';
}
