/** How often this home looks at its native batches. Unit: ms. */
export const NATIVE_TICK_MS = 5_000;
