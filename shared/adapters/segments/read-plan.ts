import type { PayloadPointer } from '../../domain/requests/request.ts';

/** How far pointers are joined into one read. */
export interface ReadBounds {
  /** Bytes between two pointers that are cheaper to read than to skip. Unit: bytes. */
  readonly largestGapBytes: number;
  /** Most that pointers are joined to; a longer single one is read alone. Unit: bytes. */
  readonly largestReadBytes: number;
}

/** For a local disk. */
export const DISK_READS: ReadBounds = { largestGapBytes: 65_536, largestReadBytes: 1_048_576 };

/** One read of a segment and the pointers it answers. */
export interface PlannedRead {
  readonly segment: string;
  readonly start: number;
  end: number;
  /** Positions in what was asked for. */
  readonly indexes: number[];
}

/** The fewest reads that cover all pointers, none much larger than it has to be. */
export function planReads(
  pointers: readonly PayloadPointer[],
  bounds: ReadBounds = DISK_READS,
): PlannedRead[] {
  const order = pointers.map((pointer, index) => ({ ...pointer, index }));
  order.sort((one, other) => compare(one.segment, other.segment) || one.offset - other.offset);
  const reads: PlannedRead[] = [];
  for (const { segment, offset, length, index } of order) {
    const last = reads.at(-1);
    const end = offset + length;
    const isNear =
      last?.segment === segment &&
      offset - last.end <= bounds.largestGapBytes &&
      Math.max(end, last.end) - last.start <= bounds.largestReadBytes;
    if (last && isNear) {
      last.end = Math.max(last.end, end);
      last.indexes.push(index);
    } else {
      reads.push({ segment, start: offset, end, indexes: [index] });
    }
  }
  return reads;
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
