/** HTTP to a Penstock server: bounded in time, tried again where that may help, errors in words. */

import { setTimeout as timeout } from 'node:timers';
import { AppError } from '../../shared/domain/errors.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Random } from '../../shared/ports/random.ts';
import type { HttpAnswer } from './http-answer.ts';
import { refusalOf } from './refusal.ts';

export interface HttpClientOptions {
  /** Scheme, host and, where there is one, the path before `/v1`. */
  readonly baseUrl: string;
  readonly key: string | null;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends every call and every wait. */
  readonly signal: AbortSignal;
  /** Told why a call is going to be tried again. */
  readonly onRetry?: (reason: string, delayMs: number) => void;
}

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the base URL; or a whole URL, which is then sent no key. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Sent twice it does no more than once. @default true, but for POST */
  readonly isRepeatable?: boolean;
}

/** Longest for one attempt: a gateway gives up after 30 s, an upload takes longer. Unit: ms. */
const ATTEMPT_MS = 120_000;
const MOST_ATTEMPTS = 8;
/** Before the server has answered anything. */
const MOST_FIRST_ATTEMPTS = 3;
/** Mean wait before the second attempt; doubles with each. Unit: ms. */
const FIRST_DELAY_MS = 400;
const LONGEST_DELAY_MS = 20_000;
/** Longest that a server may make us wait. Unit: ms. */
const LONGEST_TOLD_MS = 120_000;

/** Answers after which the same call may succeed. */
const PASSING = new Set([429, 502, 503, 504]);

export class HttpClient {
  readonly #options: HttpClientOptions;
  #hasAnswered = false;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  get baseUrl(): string {
    return this.#options.baseUrl;
  }

  /**
   * The answer, whatever its status below 400.
   *
   * @throws {AppError} with the server's own code and words; `server_unreachable` when it cannot be
   * reached or is not Penstock; `cancelled` when the signal ended it.
   */
  async send(call: HttpCall): Promise<HttpAnswer> {
    const isRepeatable = call.isRepeatable ?? call.method !== 'POST';
    for (let attempt = 1; ; attempt += 1) {
      const ended = await this.#attempt(call);
      if ('status' in ended && ended.status < 400) return ended;
      const mayHelp =
        'status' in ended
          ? PASSING.has(ended.status) && (isRepeatable || ended.status === 429)
          : isRepeatable || !ended.wasSent;
      // Who never answered is more likely the wrong address than a server that starts again.
      const most = this.#hasAnswered ? MOST_ATTEMPTS : MOST_FIRST_ATTEMPTS;
      if (attempt >= most || !mayHelp) throw this.#errorOf(ended, call);
      const reason = 'status' in ended ? `HTTP ${ended.status}` : ended.reason;
      await this.#pause(attempt, 'status' in ended ? toldDelay(ended.headers) : null, reason);
    }
  }

  async #attempt(call: HttpCall): Promise<HttpAnswer | Unanswered> {
    this.#refuseWhenEnded();
    const { signal, key } = this.#options;
    const isForeign = /^https?:/.test(call.path);
    const over = new AbortController();
    const timer = timeout(() => over.abort(), ATTEMPT_MS);
    try {
      const response = await fetch(this.#urlOf(call, isForeign), {
        method: call.method,
        headers: {
          ...(key === null || isForeign ? {} : { authorization: `Bearer ${key}` }),
          ...call.headers,
        },
        body: call.body ?? null,
        redirect: 'manual',
        signal: AbortSignal.any([signal, over.signal]),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      this.#hasAnswered = true;
      return { status: response.status, headers: response.headers, bytes };
    } catch (error) {
      this.#refuseWhenEnded();
      if (over.signal.aborted) {
        return { reason: `no answer within ${ATTEMPT_MS / 1_000} s`, wasSent: true };
      }
      return unanswered(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #pause(attempt: number, toldMs: number | null, reason: string): Promise<void> {
    const { clock, random, signal, onRetry } = this.#options;
    const meanMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
    // Told delays get jitter too: many clients are told the same.
    const delayMs =
      toldMs === null
        ? meanMs * (0.5 + random.next())
        : Math.min(LONGEST_TOLD_MS, toldMs) + meanMs * random.next();
    onRetry?.(reason, delayMs);
    await clock.sleep(delayMs, signal);
    this.#refuseWhenEnded();
  }

  #refuseWhenEnded(): void {
    if (this.#options.signal.aborted) throw new AppError('cancelled', 'Interrupted');
  }

  #urlOf({ path, query = {} }: HttpCall, isForeign: boolean): string {
    if (isForeign) return path;
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    );
    return `${this.baseUrl}${path}${given.length === 0 ? '' : `?${given.join('&')}`}`;
  }

  #errorOf(ended: HttpAnswer | Unanswered, { path }: HttpCall): AppError {
    const { baseUrl, key } = this.#options;
    if ('status' in ended) return refusalOf(ended, { baseUrl, hasKey: key !== null, path });
    return new AppError(
      'server_unreachable',
      `Cannot reach ${this.baseUrl}: ${ended.reason}. Check --api (or PENSTOCK_API), and that the server runs.`,
    );
  }
}

interface Unanswered {
  /** For a person. */
  readonly reason: string;
  /** The call may have taken effect. */
  readonly wasSent: boolean;
}

/** Faults of a connection that was never made. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

function unanswered(error: unknown): Unanswered {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = codeOf(cause);
  const message = cause instanceof Error && cause.message !== '' ? cause.message : code;
  return { reason: message || 'the connection failed', wasSent: !NOT_SENT.has(code) };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

function toldDelay(headers: Headers): number | null {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}
