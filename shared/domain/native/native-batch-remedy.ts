/** What to do with the rows of a batch that its provider refused as a whole. */

import type { NativeBatchFault } from './native-batch.ts';

export type NativeBatchRemedy =
  /**
   * Nothing is wrong with the rows: the same again, later. An attempt where the provider failed,
   * which may go on; not where it had no room.
   */
  | {
      readonly kind: 'wait';
      readonly fault: NativeBatchFault | null;
      readonly isAttempt: boolean;
    }
  /** These lines end with their fault, the others go again. From 1, each once, in order. */
  | { readonly kind: 'drop_lines'; readonly faults: readonly NativeBatchFault[] }
  /** Some row, or their number, is too much: halves go again, and one row alone ends with the fault. */
  | { readonly kind: 'bisect'; readonly fault: NativeBatchFault }
  /** Every row would meet the same in any batch. */
  | { readonly kind: 'give_up'; readonly fault: NativeBatchFault };

/**
 * The tokens, or batches, a provider lets wait are used up. OpenAI says so minutes after it has
 * taken the batch; by then the create has long been answered with success.
 */
const QUEUE_FULL = ['token_limit_exceeded', 'rate_limit_exceeded', 'batch_limit_exceeded'];
const QUEUE_FULL_MESSAGE = /\benqueued token|too many (?:enqueued|queued|active|concurrent)/i;
/** A fault of the copy, or of the provider: the same rows sent anew are fine. */
const SEND_ANEW = ['input_modified', 'file_not_found', 'internal_error', 'server_error'];
/** Faults of what all rows have in common. */
const EVERY_ROW = ['model_not_found', 'input_no_permissions', 'invalid_endpoint'];
/** Faults of the whole, also where a line is named: the one at which counting stopped. */
const TOO_MUCH = [
  'too_many_tasks',
  'file_too_large',
  'too_many_requests_in_file',
  'payload_too_large',
];

/** So often the rows of a job are parted to find what a provider refuses; ids of jobs grow with it. */
export const MOST_HALVINGS = 8;

/**
 * The remedy for a refused batch of `rowCount` rows. The list of faults may be cut short, so that
 * dropping lines may have to be repeated.
 */
export function remedyFor(
  faults: readonly NativeBatchFault[],
  rowCount: number,
): NativeBatchRemedy {
  const [first] = faults;
  // Refused without a word: as a rule the provider's own trouble.
  if (first === undefined) return { kind: 'wait', fault: null, isAttempt: true };
  const full = faults.find(isQueueFull);
  if (full !== undefined) return { kind: 'wait', fault: full, isAttempt: false };
  const passing = faults.find(({ code }) => SEND_ANEW.includes(code));
  if (passing !== undefined) return { kind: 'wait', fault: passing, isAttempt: true };
  const common = faults.find(({ code }) => EVERY_ROW.includes(code));
  if (common !== undefined) return { kind: 'give_up', fault: common };
  const large = faults.find(isTooMuch);
  if (large !== undefined) return { kind: 'bisect', fault: large };
  const byLine = new Map<number, NativeBatchFault>();
  for (const fault of faults) {
    const { line } = fault;
    if (line === null || line < 1 || line > rowCount || byLine.has(line)) continue;
    byLine.set(line, fault);
  }
  if (byLine.size === 0) return { kind: 'bisect', fault: first };
  const lines = [...byLine].sort(([one], [other]) => one - other);
  return { kind: 'drop_lines', faults: lines.map(([, fault]) => fault) };
}

/** True of a fault that half as many rows may not have. */
export function isTooMuch({ code }: NativeBatchFault): boolean {
  return TOO_MUCH.includes(code);
}

function isQueueFull({ code, message }: NativeBatchFault): boolean {
  return QUEUE_FULL.includes(code) || QUEUE_FULL_MESSAGE.test(message);
}
