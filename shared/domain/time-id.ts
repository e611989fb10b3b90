/** Ids that sort by the time they were made, so that a list needs no order of its own. */

const TIME_DIGITS = 12;

/** `prefix`, the instant in hexadecimal, and what makes it unique. Unit: ms since the epoch. */
export function timeId(prefix: string, nowMs: number, unique: string): string {
  const time = Math.max(0, Math.floor(nowMs)).toString(16).padStart(TIME_DIGITS, '0');
  return `${prefix}${time}${unique}`;
}
