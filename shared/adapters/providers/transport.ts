/**
 * One HTTP exchange with a provider: bounded in time and size, never repeated, never redirected.
 *
 * It drives undici's dispatcher directly: `fetch` and the vendors' SDKs cost several times the CPU
 * per call, and at hundreds of calls per second that is what limits a worker.
 */

import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
// Not the package's index: with it a bundle carries fetch, WebSockets, caches and mocks as well.
import Pool from 'undici/lib/dispatcher/pool.js';
import { AbortFanOut } from './abort-fan-out.ts';
import { decodeText } from './answer-text.ts';
import {
  type FailureCause,
  type NotReceived,
  notReceived,
  whyFailed,
} from './transport-failure.ts';
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
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** A stream is sent as it is read, its length untold. */
  readonly body: string | Readable | null;
  readonly headersMs: number;
  readonly totalMs: number;
}

export interface Received {
  readonly kind: 'received';
  readonly statusCode: number;
  readonly headers: WireHeaders;
  readonly text: string;
}

/** Under the 5 s after which common servers close, so that they do not close under our request. */
const KEEP_ALIVE_MS = 3_500;
/** How much sooner than a server's own `keep-alive: timeout=` hint an idle socket is closed. */
const KEEP_ALIVE_MARGIN_MS = 1_000;
const NO_HEADERS: WireHeaders = {};

/** Sockets to one origin, as every exchange wants them. */
export function openPool(options: TransportOptions): Pool {
  return new Pool(options.origin, {
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

export class HttpTransport {
  private readonly pool: Pool;
  private readonly options: TransportOptions;
  private readonly aborts = new AbortFanOut();

  constructor(options: TransportOptions) {
    this.options = options;
    this.pool = openPool(options);
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

  cancel(cause: FailureCause, detail: string): void {
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
    const { cause, detail } = whyFailed(error, this.isSent, this.statusCode);
    this.fail(cause, detail);
  }

  private fail(cause: FailureCause, detail: string): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.chunks = [];
    this.end(notReceived(cause, detail, this.isSent, this.statusCode, this.headers));
  }
}
