/**
 * One HTTP exchange with a provider: bounded in time and size, never repeated, never redirected.
 *
 * It drives undici's dispatcher directly: `fetch` and the vendors' SDKs cost several times the CPU
 * per call, and at hundreds of calls per second that is what limits a worker.
 */

import type { Dispatcher } from 'undici';
// Not the package's index: with it a bundle carries fetch, WebSockets, caches and mocks as well.
import Pool from 'undici/lib/dispatcher/pool.js';
import { AbortFanOut } from './abort-fan-out.ts';
import { decodeText } from './answer-text.ts';
import type { WireHeaders } from './wire-headers.ts';

export interface TransportOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly connections: number;
  readonly connectMs: number;
  readonly bodyIdleMs: number;
  readonly maxAnswerBytes: number;
}

export interface Exchange {
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | null;
  readonly headersMs: number;
  readonly totalMs: number;
}

export interface Received {
  readonly kind: 'received';
  readonly statusCode: number;
  readonly headers: WireHeaders;
  readonly text: string;
}

export interface NotReceived {
  readonly kind: 'not_received';
  /**
   * `unreachable`: nothing was sent. `lost`: the connection ended before the head of an answer.
   * `timed_out`: one of our timers. `aborted`: the signal, or closing. `broken`: an answer began
   * and is cut short, too large, or not HTTP.
   */
  readonly cause: 'unreachable' | 'lost' | 'timed_out' | 'aborted' | 'broken';
  /** For a person; no secrets. */
  readonly detail: string;
  /** True when the request may have reached the provider. */
  readonly wasSent: boolean;
  /** 0 when no head came. */
  readonly statusCode: number;
  readonly headers: WireHeaders;
}

/** Under the 5 s after which common servers close, so that they do not close under our request. */
const KEEP_ALIVE_MS = 3_500;
/** How much sooner than a server's own `keep-alive: timeout=` hint an idle socket is closed. */
const KEEP_ALIVE_MARGIN_MS = 1_000;
const NO_HEADERS: WireHeaders = {};

export class HttpTransport {
  private readonly pool: Pool;
  private readonly options: TransportOptions;
  private readonly aborts = new AbortFanOut();

  constructor(options: TransportOptions) {
    this.options = options;
    this.pool = new Pool(options.origin, {
      connections: options.connections,
      connect: { timeout: options.connectMs },
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      bodyTimeout: options.bodyIdleMs,
      maxResponseSize: options.maxAnswerBytes,
    });
  }

  /** Never rejects. */
  async exchange(exchange: Exchange, signal: AbortSignal): Promise<Received | NotReceived> {
    const ended = signal.aborted
      ? notReceived('aborted', 'The call was aborted before it was sent', false)
      : await this.send(exchange, signal);
    if (ended.kind === 'not_received') return ended;
    const decoded = await decodeText(ended.body, ended.headers, this.options.maxAnswerBytes);
    const { statusCode, headers } = ended;
    return decoded.kind === 'text'
      ? { kind: 'received', statusCode, headers, text: decoded.text }
      : notReceived('broken', decoded.detail, true, statusCode, headers);
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private send(exchange: Exchange, signal: AbortSignal): Promise<RawAnswer | NotReceived> {
    return new Promise((resolve) => {
      let leave = (): void => undefined;
      const inFlight = new InFlight((ended) => {
        clearTimeout(timer);
        leave();
        resolve(ended);
      });
      const timer = setTimeout(() => {
        inFlight.cancel('timed_out', `No complete answer came within ${exchange.totalMs} ms`);
      }, exchange.totalMs);
      leave = this.aborts.join(signal, () => inFlight.cancel('aborted', 'The call was aborted'));
      this.pool.dispatch(
        {
          method: exchange.method,
          path: exchange.path,
          headers: [...exchange.headers],
          body: exchange.body,
          headersTimeout: exchange.headersMs,
        },
        inFlight,
      );
    });
  }
}

interface RawAnswer {
  readonly kind: 'raw';
  readonly statusCode: number;
  readonly headers: WireHeaders;
  readonly body: Buffer;
}

/** One exchange on its way; ends exactly once. */
class InFlight implements Dispatcher.DispatchHandler {
  private readonly end: (ended: RawAnswer | NotReceived) => void;
  private controller: Dispatcher.DispatchController | null = null;
  private isEnded = false;
  private isSent = false;
  private statusCode = 0;
  private headers: WireHeaders = NO_HEADERS;
  private chunks: Buffer[] = [];

  constructor(end: (ended: RawAnswer | NotReceived) => void) {
    this.end = end;
  }

  cancel(cause: NotReceived['cause'], detail: string): void {
    this.fail(cause, detail);
    this.controller?.abort(new Error(detail));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // Ended while it waited for a connection: it must not be sent any more.
    if (this.isEnded) controller.abort(new Error('The call has ended'));
  }

  onRequestSent(): void {
    this.isSent = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: WireHeaders,
  ): void {
    if (statusCode < 200) return;
    this.statusCode = statusCode;
    this.headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    const [first] = this.chunks;
    const body =
      first !== undefined && this.chunks.length === 1 ? first : Buffer.concat(this.chunks);
    this.end({ kind: 'raw', statusCode: this.statusCode, headers: this.headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const detail = describe(error);
    switch (codeOf(error)) {
      case 'UND_ERR_HEADERS_TIMEOUT':
        this.fail('timed_out', 'The provider sent no answer within the headers timeout');
        return;
      case 'UND_ERR_BODY_TIMEOUT':
        this.fail('timed_out', 'The provider fell silent in the middle of its answer');
        return;
      case 'UND_ERR_DESTROYED':
      case 'UND_ERR_CLOSED':
        this.fail('aborted', 'The provider was closed');
        return;
      case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
        this.fail('broken', 'The answer is larger than is accepted');
        return;
      case 'UND_ERR_HEADERS_OVERFLOW':
        this.fail('broken', 'The head of the answer is larger than is accepted');
        return;
      case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
        this.fail('broken', 'The answer is shorter or longer than it says');
        return;
    }
    if (!this.isSent) this.fail('unreachable', detail);
    else if (this.statusCode > 0) this.fail('broken', `The answer was cut short: ${detail}`);
    else if (error.name === 'HTTPParserError') this.fail('broken', `Not an HTTP answer: ${detail}`);
    else this.fail('lost', `The connection ended before an answer came: ${detail}`);
  }

  private fail(cause: NotReceived['cause'], detail: string): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.chunks = [];
    this.end(notReceived(cause, detail, this.isSent, this.statusCode, this.headers));
  }
}

function notReceived(
  cause: NotReceived['cause'],
  detail: string,
  wasSent: boolean,
  statusCode = 0,
  headers: WireHeaders = NO_HEADERS,
): NotReceived {
  return { kind: 'not_received', cause, detail, wasSent, statusCode, headers };
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
