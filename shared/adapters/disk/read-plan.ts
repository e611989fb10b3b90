import type { PayloadPointer } from '../../domain/request.ts';

/** Bytes between two pointers that are cheaper to read than to skip. Unit: bytes. */
const LARGEST_GAP_BYTES = 65_536;
/** Most that pointers are joined to; a longer single one is read alone. Unit: bytes. */
const LARGEST_READ_BYTES = 1_048_576;

/** One read of a segment and the pointers it answers. */
export interface PlannedRead {
  readonly segment: string;
  readonly start: number;
  end: number;
  /** Positions in what was asked for. */
  readonly indexes: number[];
}

/** The fewest reads that cover all pointers, none much larger than it has to be. */
export function planReads(pointers: readonly PayloadPointer[]): PlannedRead[] {
  const order = pointers.map((pointer, index) => ({ ...pointer, index }));
  order.sort((one, other) => compare(one.segment, other.segment) || one.offset - other.offset);
  const reads: PlannedRead[] = [];
  for (const { segment, offset, length, index } of order) {
    const last = reads.at(-1);
    const end = offset + length;
    const isNear =
      last?.segment === segment &&
      offset - last.end <= LARGEST_GAP_BYTES &&
      Math.max(end, last.end) - last.start <= LARGEST_READ_BYTES;
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
