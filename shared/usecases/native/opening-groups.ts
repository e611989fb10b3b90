/** Rows that may begin alike, as for the live lane: by prefix key. Bodies tell how much they share. */

import type { LeasedRequest } from '../../domain/requests/request.ts';

/** Groups that are looked at, those with most rows first. */
const MOST_OPENINGS = 16;
/** Of a group, spread over it. */
const SAMPLES = 5;

export function sharingGroups<Of extends Pick<LeasedRequest, 'prefixKey'>>(
  rows: readonly Of[],
  leastRows: number,
): Of[][] {
  const keyed = rows.filter(({ prefixKey }) => prefixKey !== null);
  return [...Map.groupBy(keyed, ({ prefixKey }) => prefixKey).values()]
    .filter((group) => group.length >= leastRows)
    .sort((one, other) => other.length - one.length)
    .slice(0, MOST_OPENINGS);
}

/** A few rows of a group of two or more, the first among them. */
export function sampled<Of>(group: readonly Of[]): Of[] {
  const count = Math.min(SAMPLES, group.length);
  const step = (group.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, at) => group[Math.round(at * step)]).filter(
    (row) => row !== undefined,
  );
}
