/**
 * What a tenant may spend in a calendar month. What a request may cost at most is reserved when it
 * is accepted, and replaced by what it did cost once its answer is in. All money is in
 * micro-dollars, all months are of UTC.
 */

/** What a month holds against its budget. */
export interface BudgetState {
  readonly spentMicroUsd: number;
  /** For requests that were accepted and have not ended. */
  readonly reservedMicroUsd: number;
}

/** A month nothing was booked in. */
export const NOTHING_BOOKED: BudgetState = { spentMicroUsd: 0, reservedMicroUsd: 0 };

const MS_PER_DAY = 86_400_000;
const DAYS_PER_ERA = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const DAYS_BEFORE_EPOCH = 719_468;

/** The month an instant lies in, as `2026-11`. */
export function monthOf(atMs: number): string {
  // Years that begin in March put the leap day last. Source: H. Hinnant, "chrono-compatible
  // low-level date algorithms", civil_from_days.
  const day = Math.floor(atMs / MS_PER_DAY) + DAYS_BEFORE_EPOCH;
  const era = Math.floor(day / DAYS_PER_ERA);
  const dayOfEra = day - era * DAYS_PER_ERA;
  const leaps = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524);
  const yearOfEra = Math.floor(
    (dayOfEra - leaps + Math.floor(dayOfEra / (DAYS_PER_ERA - 1))) / 365,
  );
  const leapsBefore = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - (365 * yearOfEra + leapsBefore);
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return nameOf(era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month);
}

/** The month after. */
export function monthAfter(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return number === 12 ? nameOf(year + 1, 1) : nameOf(year, number + 1);
}

function nameOf(year: number, month: number): string {
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}`;
}
