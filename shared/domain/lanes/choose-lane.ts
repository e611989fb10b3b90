import type { Lane } from './lane.ts';
import { answerAllowanceMs, flexNeedsMs } from './plan-lane.ts';

/** What the lane of a call depends on. */
export interface LaneOfCall {
  readonly wanted: Lane | null;
  readonly offered: readonly Lane[];
  readonly deadlineAtMs: number | null;
  /** Longest answer it allows. Unit: tokens. */
  readonly maxOutputTokens: number;
  /** Attempts that counted before this one. */
  readonly attempts: number;
}

/** How a call is made. */
export interface CallPlan {
  readonly lane: Exclude<Lane, 'native'>;
  /** Given up after this, so that a live answer still meets the deadline; `null`: not. Unit: ms. */
  readonly withinMs: number | null;
}

/** The discounted tier is slow and may have no room: after so many attempts the request runs live. */
export const MOST_FLEX_TRIES = 2;

/**
 * The lane of a call made now: the one asked for if the model offers it, else the cheapest that
 * can meet the deadline. A request without a deadline, or one whose discounted lane was refused,
 * runs live; one that asked for a native batch has time, and runs in the discounted lane.
 */
export function chooseLane(
  { wanted, offered, deadlineAtMs, maxOutputTokens, attempts }: LaneOfCall,
  nowMs: number,
): CallPlan {
  const live = { lane: 'live', withinMs: null } as const;
  const isAskedFor = wanted === 'flex';
  if (wanted === 'live' || attempts >= MOST_FLEX_TRIES || !offered.includes('flex')) return live;
  if (deadlineAtMs === null) {
    return isAskedFor || wanted === 'native' ? { lane: 'flex', withinMs: null } : live;
  }
  const leftMs = deadlineAtMs - nowMs;
  if (!isAskedFor && leftMs < flexNeedsMs(maxOutputTokens)) return live;
  const withinMs = leftMs - answerAllowanceMs(maxOutputTokens);
  return { lane: 'flex', withinMs: withinMs > 0 ? withinMs : null };
}
