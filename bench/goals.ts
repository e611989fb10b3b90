/** A figure and the bound it is held to. */
export interface Goal {
  /** Where it was measured. */
  readonly where: string;
  readonly what: string;
  readonly isMet: boolean;
  /** The figure beside its bound, for people. */
  readonly detail: string;
}

export interface Bound {
  readonly where: string;
  readonly what: string;
  readonly value: number;
  readonly format: (value: number) => string;
}

/** Met where the value does not fall below the bound. */
export function atLeast(least: number, { where, what, value, format }: Bound): Goal {
  const detail = `${format(value)}, at least ${format(least)}`;
  return { where, what, detail, isMet: value >= least };
}

/** Met where the value does not exceed the bound. */
export function atMost(most: number, { where, what, value, format }: Bound): Goal {
  const detail =
    most === 0 ? `${format(value)}, none allowed` : `${format(value)}, at most ${format(most)}`;
  return { where, what, detail, isMet: value <= most };
}

export const asPercent = (share: number): string => `${(share * 100).toFixed(2)} %`;
export const asCount = (count: number): string => Math.round(count).toLocaleString('en-US');
export const asRatio = (ratio: number): string => `${ratio.toFixed(3)} x`;
