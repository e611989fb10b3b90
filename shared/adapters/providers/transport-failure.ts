/** Why an HTTP exchange came to nothing, from what undici says of it. */

import type { WireHeaders } from './wire-headers.ts';

/**
 * `unreachable`: nothing was sent whole. `lost`: the connection ended before the head of an answer.
 * `timed_out`: one of our timers. `aborted`: the signal, or closing. `broken`: an answer began
 * and is cut short, too large, or not HTTP.
 */
export type FailureCause = 'unreachable' | 'lost' | 'timed_out' | 'aborted' | 'broken';

export interface NotReceived {
  readonly kind: 'not_received';
  readonly cause: FailureCause;
  /** For a person; no secrets. */
  readonly detail: string;
  /** True when the request may have reached the provider. */
  readonly wasSent: boolean;
  /** 0 when no head came. */
  readonly statusCode: number;
  readonly headers: WireHeaders;
}

export function notReceived(
  cause: FailureCause,
  detail: string,
  wasSent: boolean,
  statusCode = 0,
  headers: WireHeaders = {},
): NotReceived {
  return { kind: 'not_received', cause, detail, wasSent, statusCode, headers };
}

/** `statusCode` is 0 where no head came before the error. */
export function whyFailed(
  error: Error,
  isSent: boolean,
  statusCode: number,
): { readonly cause: FailureCause; readonly detail: string } {
  const because = (cause: FailureCause, detail: string) => ({ cause, detail });
  const words = describe(error);
  switch (codeOf(error)) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return because('timed_out', 'The provider sent no answer within the headers timeout');
    case 'UND_ERR_BODY_TIMEOUT':
      return because('timed_out', 'The provider fell silent in the middle of its answer');
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return because('aborted', 'The provider was closed');
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return because('broken', 'The answer is larger than is accepted');
    case 'UND_ERR_HEADERS_OVERFLOW':
      return because('broken', 'The head of the answer is larger than is accepted');
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return because('broken', 'The answer is shorter or longer than it says');
  }
  if (!isSent) return because('unreachable', words);
  if (statusCode > 0) return because('broken', `The answer was cut short: ${words}`);
  if (error.name === 'HTTPParserError') return because('broken', `Not an HTTP answer: ${words}`);
  return because('lost', `The connection ended before an answer came: ${words}`);
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** An error in words; several addresses tried in vain come without any of their own. */
function describe(error: Error): string {
  if (error.message !== '') return error.message;
  const inner =
    error instanceof AggregateError ? error.errors.find((one) => one instanceof Error) : null;
  return inner instanceof Error && inner.message !== ''
    ? inner.message
    : codeOf(error) || error.name;
}
