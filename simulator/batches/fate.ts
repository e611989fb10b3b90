import { drawLatency } from '../option-parts.ts';
import { drawBase, uniform } from '../random.ts';
import type { BatchSettings, RowKind, Scripted } from './options.ts';

/** Streams of draws of one batch. A lognormal turnaround uses the one after its own. */
const TURNAROUND_STREAM = 0;
const FATE_STREAM = 2;
const TAIL_STREAM = 3;
const DONE_STREAM = 4;
const ROW_STREAM = 5;
const FAILURE_STREAM = 6;

/** Of a batch told to be mixed: how many rows fail beside the first. */
const MIXED_FAILURE_SHARE = 0.2;

const HTTP_FAILURES = ['http400', 'http429', 'http500'] as const;

/** What the seed or the script holds in store for one batch. */
export interface Fate {
  readonly base: number;
  readonly ending: 'run' | 'expire' | 'cancel' | 'fail' | 'stick';
  /** From creation to the end, if nothing comes between. Unit: ms. */
  readonly turnaroundMs: number;
  /** How much of the batch is done when it expires, cancels itself or sticks. */
  readonly doneShare: number;
  readonly scripted: Scripted | undefined;
}

/** Decides on the nth batch of a run; the script goes before the draw. */
export function drawFate(
  seed: number,
  ordinal: number,
  scripted: Scripted | undefined,
  settings: BatchSettings,
): Fate {
  const base = drawBase(seed, `batch/${ordinal}`, 1);
  const isInTail = uniform(base, TAIL_STREAM) < settings.tailShare;
  const drawnMs = drawLatency(settings.turnaround, base, TURNAROUND_STREAM);
  const turnaroundMs =
    scripted?.turnaroundMs ?? Math.round(drawnMs * (isInTail ? settings.tailFactor : 1));
  const ending = scripted ? scriptedEnding(scripted) : drawnEnding(base, settings);
  return { base, ending, turnaroundMs, doneShare: doneShare(base, ending, scripted), scripted };
}

function drawnEnding(base: number, { stuckShare, expiringShare }: BatchSettings): Fate['ending'] {
  const drawn = uniform(base, FATE_STREAM);
  if (drawn < stuckShare) return 'stick';
  return drawn < stuckShare + expiringShare ? 'expire' : 'run';
}

function scriptedEnding({ outcome }: Scripted): Fate['ending'] {
  switch (outcome) {
    case 'expired':
    case 'expired_errors_only':
      return 'expire';
    case 'cancelled':
    case 'cancelled_empty':
      return 'cancel';
    case 'failed':
      return 'fail';
    case 'stuck':
      return 'stick';
    default:
      return 'run';
  }
}

function doneShare(base: number, ending: Fate['ending'], scripted: Scripted | undefined): number {
  if (scripted?.doneShare !== undefined) return scripted.doneShare;
  const { outcome } = scripted ?? {};
  if (outcome === 'expired_errors_only' || outcome === 'cancelled_empty') return 0;
  if (outcome === 'expired' || outcome === 'cancelled') return 0.5;
  return ending === 'run' || ending === 'stick' ? 0 : uniform(base, DONE_STREAM);
}

/** What becomes of a row once it is worked on. */
export function drawRowKind(
  { base, scripted }: Fate,
  index: number,
  customId: string,
  { rowFailures }: BatchSettings,
): RowKind {
  const told = scripted?.rowKinds?.[index];
  if (told !== undefined) return told;
  const rowBase = drawBase(base, customId, 1);
  const drawn = uniform(rowBase, ROW_STREAM);
  const failure = (): RowKind =>
    HTTP_FAILURES[Math.floor(uniform(rowBase, FAILURE_STREAM) * HTTP_FAILURES.length)] ?? 'http500';
  switch (scripted?.outcome) {
    case undefined:
      break;
    case 'errors_only':
      return failure();
    case 'mixed':
      return index === 0 || drawn < MIXED_FAILURE_SHARE ? failure() : 'ok';
    default:
      return 'ok';
  }
  let edge = 0;
  for (const kind of [...HTTP_FAILURES, 'lost', 'absent'] as const) {
    edge += rowFailures[kind];
    if (drawn < edge) return kind;
  }
  return 'ok';
}
