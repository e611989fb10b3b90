/** A duration for the nth of something, the same for the same seed. Unit: ms. */
export type DrawDuration = (nth: number) => number;
