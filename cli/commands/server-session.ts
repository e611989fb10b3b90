/** What every command that works against a server shares: its address, its key, Ctrl-C. */

import { systemRandom } from '../../shared/adapters/system/random.ts';
import { AppError } from '../../shared/domain/errors.ts';
import { HttpClient } from '../api-client/http-client.ts';
import { PenstockApi } from '../api-client/penstock-api.ts';
import { formatDuration } from '../format.ts';
import type { Terminal } from '../terminal.ts';

export interface ServerFlags {
  readonly api?: string;
  readonly key?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface ServerSession {
  readonly api: PenstockApi;
  /** Aborts on the first Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface SessionOptions {
  /** Says something between, e.g. that a call is tried again. */
  readonly say: (sentence: string) => void;
  /** What was interrupted, and how to go on. */
  readonly onInterrupted: () => void;
}

const INTERRUPTED = 130;
/** Waits shorter than this are not worth a word. Unit: ms. */
const SHORTEST_SAID_MS = 2_000;

/**
 * Works against the server that the flags or the environment name; resolves to the exit code. The
 * first Ctrl-C ends the calls under way and the work, the second ends the process.
 *
 * @throws {AppError} `invalid_request` when no server is named.
 */
export async function withServer(
  flags: ServerFlags,
  terminal: Terminal,
  { say, onInterrupted }: SessionOptions,
  work: (session: ServerSession) => Promise<number>,
): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(INTERRUPTED);
    interrupt.abort();
  };
  const isQuiet = flags.quiet === true || flags.json === true;
  const http = new HttpClient({
    baseUrl: serverUrl(flags.api ?? terminal.environment['PENSTOCK_API']),
    key: flags.key ?? terminal.environment['PENSTOCK_KEY'] ?? null,
    clock: terminal.clock,
    random: systemRandom,
    signal: interrupt.signal,
    onRetry: (reason, delayMs) => {
      if (isQuiet || delayMs < SHORTEST_SAID_MS) return;
      say(`${reason}; trying again in ${formatDuration(delayMs)}`);
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  try {
    return await work({ api: new PenstockApi(http), signal: interrupt.signal });
  } catch (error) {
    const isOurs = error instanceof AppError && error.code === 'cancelled';
    if (!isOurs || !interrupt.signal.aborted) throw error;
    onInterrupted();
    return INTERRUPTED;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

/** The part of an address before `/v1`, without a slash at its end. */
function serverUrl(text: string | undefined): string {
  if (text === undefined || text === '') {
    throw new AppError(
      'invalid_request',
      'No server is named. Give --api URL or set PENSTOCK_API, e.g. http://127.0.0.1:8080 for penstock serve.',
    );
  }
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    const shown = JSON.stringify(text.slice(0, 80));
    throw new AppError(
      'invalid_request',
      `${shown} is no address. Write one such as https://penstock.example.com (--api or PENSTOCK_API).`,
    );
  }
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname.replace(/\/+$/, '').replace(/\/v1$/, '')}`;
}
