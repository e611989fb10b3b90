/**
 * A limit that nobody states, neither the configuration nor the provider's headers: guessed from
 * what was admitted when a call was refused, and probed upwards from there.
 */

import { createLimit, type LimitState } from './capacity-state.ts';

/** A refusal puts the guess this far below what was refused; recovery is quick up to the ceiling. Unit: per mille. */
const CUT_PER_MILLE = 930;
const CEILING_PER_MILLE = 975;
/** The most that one refusal takes off a guess: a pause before it makes the measured rate look low. Unit: per mille. */
const LARGEST_CUT_PER_MILLE = 500;
/** Growth where no refusal is expected, and where one is. Unit: per mille a second. */
const RECOVERY_PER_SECOND = 40;
const PROBING_PER_SECOND = 3;
/** Without a refusal for so long, the guess was too low. Unit: ms. */
const PATIENCE_MS = 15_000;
/** At so many times what was refused, and still no refusal, the limit is gone or was none. */
const FORGET_AT = 4;

/** What the limit is after a refusal; none as long as nothing was admitted to guess from. */
export function lowerGuess(
  limit: LimitState | undefined,
  admittedPerMinute: number,
  nowMs: number,
): LimitState | undefined {
  if (admittedPerMinute <= 0) return limit;
  const believed = limit?.perMinute ?? admittedPerMinute;
  const refused = Math.min(
    believed,
    Math.max(admittedPerMinute, (believed * LARGEST_CUT_PER_MILLE) / 1_000),
  );
  const perMinute = Math.max(1, Math.floor((refused * CUT_PER_MILLE) / 1_000));
  const fresh = createLimit(perMinute, false, nowMs);
  const guess = {
    refusedPerMinute: Math.max(1, Math.floor(refused)),
    refusedAtMs: nowMs,
    setAtMs: nowMs,
  };
  if (limit === undefined) return { ...fresh, guess };
  return { ...limit, perMinute, depthUnits: fresh.depthUnits, guess };
}

/** Raises a guess that holds, and forgets one that nothing confirms. Stated limits stay as they are. */
export function raiseGuess(limit: LimitState, nowMs: number): LimitState | undefined {
  const { guess, perMinute } = limit;
  if (guess === null) return limit;
  if (perMinute >= FORGET_AT * guess.refusedPerMinute) return undefined;
  const isSafe = perMinute * 1_000 < guess.refusedPerMinute * CEILING_PER_MILLE;
  const isOld = nowMs - guess.refusedAtMs > PATIENCE_MS;
  const perSecond = isSafe || isOld ? RECOVERY_PER_SECOND : PROBING_PER_SECOND;
  const grown = Math.floor((perMinute * perSecond * (nowMs - guess.setAtMs)) / 1_000_000);
  if (grown < 1) return limit;
  const raised = perMinute + grown;
  const { depthUnits } = createLimit(raised, false, nowMs);
  return { ...limit, perMinute: raised, depthUnits, guess: { ...guess, setAtMs: nowMs } };
}
