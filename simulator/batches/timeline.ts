import type { Fate } from './fate.ts';
import type { BatchSettings } from './options.ts';

/** How one batch moves if nobody interferes. Rows are done evenly between start and `rowsEndAtMs`. */
export interface Timeline {
  readonly startsAtMs: number;
  /** Infinite when the rows never end. */
  readonly rowsEndAtMs: number;
  readonly endsAtMs: number;
  /** When the provider cancels it of its own accord. */
  readonly cancelsAtMs: number;
  /** Rows beyond this share never get done. */
  readonly cap: number;
}

/** Guards a count of rows against the rounding of a share. */
const EPSILON = 1e-9;

const NEVER = Number.POSITIVE_INFINITY;

/** Lays out a fate in time. `expiresAtMs` is infinite for a provider that lets batches run on. */
export function planTimeline(
  fate: Fate,
  createdAtMs: number,
  expiresAtMs: number,
  { validationMs, finalizingMs }: Pick<BatchSettings, 'validationMs' | 'finalizingMs'>,
): Timeline {
  const { ending, doneShare, turnaroundMs } = fate;
  const startsAtMs = createdAtMs + validationMs;
  const plannedMs = Math.max(startsAtMs, createdAtMs + turnaroundMs - finalizingMs);
  switch (ending) {
    case 'stick':
      return {
        startsAtMs,
        rowsEndAtMs: plannedMs,
        endsAtMs: NEVER,
        cancelsAtMs: NEVER,
        cap: doneShare,
      };
    case 'expire': {
      const rowsEndAtMs = startsAtMs + (expiresAtMs - startsAtMs) / doneShare;
      return { startsAtMs, rowsEndAtMs, endsAtMs: NEVER, cancelsAtMs: NEVER, cap: 1 };
    }
    case 'cancel': {
      const cancelsAtMs = startsAtMs + Math.ceil((plannedMs - startsAtMs) * doneShare);
      return { startsAtMs, rowsEndAtMs: plannedMs, endsAtMs: NEVER, cancelsAtMs, cap: doneShare };
    }
    default: {
      const endsAtMs = plannedMs + finalizingMs;
      return { startsAtMs, rowsEndAtMs: plannedMs, endsAtMs, cancelsAtMs: NEVER, cap: 1 };
    }
  }
}

/** How many of `total` rows are done at an instant. */
export function doneRows(timeline: Timeline, total: number, atMs: number): number {
  const { startsAtMs, rowsEndAtMs, cap } = timeline;
  if (atMs < startsAtMs) return 0;
  const elapsed = rowsEndAtMs <= startsAtMs ? 1 : (atMs - startsAtMs) / (rowsEndAtMs - startsAtMs);
  return Math.floor(total * Math.min(cap, elapsed) + EPSILON);
}

/** When the row that is done as the nth of `total`, counted from 0, is done. */
export function doneAtMs(
  { startsAtMs, rowsEndAtMs }: Timeline,
  nth: number,
  total: number,
): number {
  return Math.floor(startsAtMs + ((rowsEndAtMs - startsAtMs) * (nth + 1)) / total);
}
