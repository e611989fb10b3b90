import { setImmediate } from 'node:timers/promises';

/** Rows per transaction: keeps each below some 20 ms, so that sockets are served in between. */
export const ROWS_PER_TRANSACTION = 1_000;

/** Runs `step` over slices of `items` and lets the event loop turn between them. */
export async function inSlices<Item, Value>(
  items: readonly Item[],
  step: (slice: readonly Item[]) => readonly Value[],
): Promise<Value[]> {
  const values: Value[] = [];
  for (let start = 0; start < items.length; start += ROWS_PER_TRANSACTION) {
    if (start > 0) await setImmediate();
    for (const value of step(items.slice(start, start + ROWS_PER_TRANSACTION))) values.push(value);
  }
  return values;
}
