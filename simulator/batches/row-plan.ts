import { uniform } from '../random.ts';
import { drawRowKind, type Fate } from './fate.ts';
import { type BatchSettings, ROW_KINDS, type RowKind } from './options.ts';

/** Streams above this one shuffle rows. */
const SHUFFLE_STREAM = 2_000;

/** In what order the rows of one batch get done, and what becomes of each: 5 bytes a row. */
export class RowPlan {
  /** Indices into the input, in the order of completion. */
  readonly order: Uint32Array;
  readonly #kinds: Uint8Array;

  constructor(fate: Fate, customIds: readonly string[], settings: BatchSettings) {
    this.order = shuffled(customIds.length, fate.base);
    this.#kinds = Uint8Array.from(customIds, (id, index) =>
      ROW_KINDS.indexOf(drawRowKind(fate, index, id, settings)),
    );
  }

  kindOf(index: number): RowKind {
    return ROW_KINDS[this.#kinds[index] ?? 0] ?? 'ok';
  }

  /** A row that turned out not to be runnable after all. */
  fail(index: number): void {
    this.#kinds[index] = ROW_KINDS.indexOf('http400');
  }

  /** How many of the first `done` rows failed with an HTTP status. */
  failedAmong(done: number): number {
    let failed = 0;
    for (const index of this.order.subarray(0, done)) {
      if (this.kindOf(index).startsWith('http')) failed += 1;
    }
    return failed;
  }
}

function shuffled(length: number, base: number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last -= 1) {
    const other = Math.floor(uniform(base, SHUFFLE_STREAM + last) * (last + 1));
    const held = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = held;
  }
  return order;
}
