import type { RejectedLine } from '../../local/input/scan-input.ts';
import { formatCount, formatQuantity } from '../format.ts';
import type { Terminal } from '../terminal.ts';

export interface RejectedLinesShown {
  readonly total: number;
  readonly first: readonly RejectedLine[];
  /** Where all of them are, if anywhere. */
  readonly path?: string;
}

const MOST_SHOWN = 10;

/** Bad lines for people, the first of them in full. */
export function printRejected(input: string, shown: RejectedLinesShown, terminal: Terminal): void {
  const { total, first, path } = shown;
  const are = total === 1 ? 'is' : 'are';
  terminal.note(`${input}: ${formatQuantity(total, 'line')} ${are} not usable:`);
  for (const { line, code, message } of first.slice(0, MOST_SHOWN)) {
    terminal.note(`  line ${line}: ${message} [${code}]`);
  }
  if (total <= MOST_SHOWN) return;
  const all = path === undefined ? '' : `, all in ${path}`;
  terminal.note(`  and ${formatCount(total - MOST_SHOWN)} more${all}`);
}
