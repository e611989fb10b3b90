import Table from 'cli-table3';
import { formatCount } from './format.ts';
import type { Terminal } from './terminal.ts';

const MOST_MESSAGE = 160;

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' ',
};

/** Names and values under each other, without lines; a value of `null` is left out. */
export function summaryTable(
  rows: readonly (readonly [name: string, value: string | null])[],
  { color }: Terminal,
): string {
  const table = new Table({
    style: { head: [], border: [], compact: true },
    chars: NO_LINES,
    colAligns: ['left', 'left'],
  });
  for (const [name, value] of rows) if (value !== null) table.push([color.dim(name), value]);
  return table.toString();
}

/** `1,990 of 2,000, 10 failed, 4 left` */
export function describeProgressOf(
  {
    done,
    total,
    failed,
    left,
  }: {
    readonly done: number;
    readonly total: number;
    readonly failed: number;
    readonly left: number;
  },
  { color }: Terminal,
): string {
  const parts = [
    `${formatCount(done)} of ${formatCount(total)}`,
    ...(failed === 0 ? [] : [color.red(`${formatCount(failed)} failed`)]),
    ...(left === 0 ? [] : [color.yellow(`${formatCount(left)} left`)]),
  ];
  return parts.join(', ');
}

/** A message on one line, cut where it is long. */
export function cutMessage(message: string): string {
  const line = message.replace(/\s+/g, ' ');
  return line.length <= MOST_MESSAGE ? line : `${line.slice(0, MOST_MESSAGE)}…`;
}
