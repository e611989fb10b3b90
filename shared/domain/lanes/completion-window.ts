/** How long a caller is willing to wait for an answer, as written: "30s", "15m", "24h", "7d". */

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const WINDOW = /^([1-9][0-9]{0,8})([smhd])$/;

/** Shortest and longest window taken. Unit: ms. */
export const MIN_COMPLETION_WINDOW_MS = 1_000;
export const MAX_COMPLETION_WINDOW_MS = 30 * 86_400_000;

/** Says how to write one; ends a sentence that says what was wrong. */
export const COMPLETION_WINDOW_HINT =
  'a whole number and a unit (s, m, h, d), from 1s to 30d, e.g. "15m" or "24h"';

/** As somebody would write it, e.g. `24h`. */
export function writeCompletionWindow(windowMs: number): string {
  const units = Object.entries(UNIT_MS).reverse();
  // A day is written in hours, as providers do; longer windows in days.
  const fits = ([unit, unitMs]: [string, number]): boolean =>
    windowMs % unitMs === 0 && (unit !== 'd' || windowMs > unitMs);
  const [unit, unitMs] = units.find(fits) ?? ['s', 1_000];
  return `${Math.round(windowMs / unitMs)}${unit}`;
}

/** The window, or `null` when it is not one. Unit: ms. */
export function parseCompletionWindow(written: string): number | null {
  const [, count, unit] = WINDOW.exec(written) ?? [];
  const unitMs = unit === undefined ? undefined : UNIT_MS[unit];
  if (unitMs === undefined) return null;
  const windowMs = Number(count) * unitMs;
  return windowMs >= MIN_COMPLETION_WINDOW_MS && windowMs <= MAX_COMPLETION_WINDOW_MS
    ? windowMs
    : null;
}
