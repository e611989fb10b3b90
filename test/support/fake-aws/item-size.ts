/** What DynamoDB charges for, from the sizes of items as its documentation counts them. */

import type { Item, Value } from './expressions.ts';

const WRITE_UNIT_BYTES = 1_024;
const READ_UNIT_BYTES = 4_096;
/** Of a list or map, and of each of its elements. Unit: bytes. */
const DOCUMENT_BYTES = 3;

/** Names and values. Unit: bytes. */
export function itemBytes(item: Item | null): number {
  if (item === null) return 0;
  return Object.entries(item).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value),
    0,
  );
}

/** Units of a write that leaves one of two sizes behind: the larger is charged, and at least one. */
export function writeUnits(before: Item | null, after: Item | null): number {
  const bytes = Math.max(itemBytes(before), itemBytes(after));
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}

/** Units of reading so many bytes at once. */
export function readUnits(bytes: number, isConsistent: boolean): number {
  const units = Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES));
  return isConsistent ? units : units / 2;
}

function valueBytes(value: Value): number {
  const [[type, content] = ['NULL', true]] = Object.entries(value);
  switch (type) {
    case 'S':
      return Buffer.byteLength(String(content));
    case 'N':
      return Math.ceil((String(content).replace(/[-.]/g, '').length + 1) / 2) + 1;
    case 'B':
      return Math.floor((String(content).length * 3) / 4);
    case 'M':
      return DOCUMENT_BYTES + itemBytes(content as Item) + Object.keys(content as Item).length;
    case 'L':
      return (content as Value[]).reduce(
        (sum, element) => sum + 1 + valueBytes(element),
        DOCUMENT_BYTES,
      );
    default:
      return 1;
  }
}
