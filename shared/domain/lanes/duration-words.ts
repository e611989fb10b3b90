/** Durations and shares in sentences: two figures at most, so that they can be read aloud. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** `1 h 20 min`, `45 s`. Unit of the argument: ms. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const at = UNITS.findIndex(([, unitMs]) => ms >= unitMs);
  const [unit, unitMs] = UNITS[at] ?? ['s', 1_000];
  const finer = UNITS[at + 1];
  if (finer === undefined || ms >= 10 * unitMs) return `${Math.round(ms / unitMs)} ${unit}`;
  const whole = Math.floor(ms / unitMs);
  const rest = Math.floor((ms - whole * unitMs) / finer[1]);
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${finer[0]}`;
}

/** `97 %` */
export function percent(share: number): string {
  const figure = share * 100;
  return `${figure > 0 && figure < 1 ? figure.toFixed(1) : Math.round(figure)} %`;
}
