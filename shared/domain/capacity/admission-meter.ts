/** How much a provider admitted lately, by one worker's own calls: what a hidden limit is guessed from. */

import type { Claim } from './capacity-purchase.ts';
import { DIMENSIONS, type Dimension } from './provider-outcome.ts';

/** Calls that left within so much of each other are counted together. Unit: ms. */
const SLOT_MS = 100;
const MINUTE_MS = 60_000;
const MEMORY_MS = MINUTE_MS;
/** Looked back at, at least: a burst alone tells nothing of a rate. Unit: ms. */
const SHORTEST_LOOK_MS = 1_000;
const CALLS_LOOKED_AT = 20;

interface Slot {
  readonly startMs: number;
  calls: number;
  readonly units: Record<Dimension, number>;
}

export class AdmissionMeter {
  /** Oldest first. */
  private slots: Slot[] = [];

  /** Counts a call as admitted until it is refused. */
  sent(claim: Claim, nowMs: number): void {
    const newest = this.slots.at(-1);
    if (newest !== undefined && nowMs - newest.startMs < SLOT_MS) {
      count(newest, claim, 1);
      return;
    }
    const oldest = this.slots[0];
    if (oldest !== undefined && nowMs - oldest.startMs > 2 * MEMORY_MS) {
      this.slots = this.slots.filter((slot) => nowMs - slot.startMs <= MEMORY_MS);
    }
    const slot = { startMs: nowMs, calls: 0, units: noUnits() };
    count(slot, claim, 1);
    this.slots.push(slot);
  }

  refused(claim: Claim, sentAtMs: number): void {
    const slot = this.slots.findLast(({ startMs }) => startMs <= sentAtMs);
    if (slot !== undefined && sentAtMs - slot.startMs < SLOT_MS) count(slot, claim, -1);
  }

  /** Over the last second, or the last calls where they are further apart. Unit: units per minute. */
  perMinute(nowMs: number): Readonly<Record<Dimension, number>> {
    const sums = noUnits();
    let calls = 0;
    let lookedMs = SHORTEST_LOOK_MS;
    for (const slot of this.slots.toReversed()) {
      const ageMs = nowMs - slot.startMs;
      const isEnough = ageMs > SHORTEST_LOOK_MS && calls >= CALLS_LOOKED_AT;
      if (isEnough || ageMs > MEMORY_MS) break;
      calls += slot.calls;
      for (const dimension of DIMENSIONS) sums[dimension] += slot.units[dimension];
      if (slot.calls > 0) lookedMs = Math.max(lookedMs, ageMs);
    }
    for (const dimension of DIMENSIONS) sums[dimension] *= MINUTE_MS / lookedMs;
    return sums;
  }
}

function count(slot: Slot, claim: Claim, sign: 1 | -1): void {
  slot.calls += sign;
  for (const dimension of DIMENSIONS) slot.units[dimension] += sign * claim[dimension];
}

function noUnits(): Record<Dimension, number> {
  return { requests: 0, inputTokens: 0, outputTokens: 0, totalTokens: 0 };
}
