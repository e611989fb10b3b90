/** Calendar arithmetic in UTC, without the clock of the machine. */

const DAY_MS = 86_400_000;
const DAYS_PER_ERA = 146_097;
/** 1970-01-01 counted from 0000-03-01, where eras begin. */
const EPOCH_DAY = 719_468;

/** The first instant of the month that holds the instant. Unit of both: ms since the epoch. */
export function monthStartMs(atMs: number): number {
  const day = Math.floor(atMs / DAY_MS);
  return (day - dayOfMonth(day) + 1) * DAY_MS;
}

/** From 1 on. Algorithm: Howard Hinnant, "chrono-compatible low-level date algorithms". */
function dayOfMonth(daysSinceEpoch: number): number {
  const shifted = daysSinceEpoch + EPOCH_DAY;
  const dayOfEra = shifted - Math.floor(shifted / DAYS_PER_ERA) * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  return dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
}
