import type { Clock } from '../../../ports/clock.ts';

const DAY_SECONDS = 86_400;

/** The TTL of an item that is kept so many days from now. Unit: seconds since the epoch. */
export function expiry(clock: Clock, retentionDays: number): number {
  return Math.floor(clock.nowMs() / 1_000) + retentionDays * DAY_SECONDS;
}
