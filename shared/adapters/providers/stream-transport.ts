/** Answers of any size, read as they come: bounded in time and in silence, held back by the reader. */

import { pipeline, Readable, type Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import type { Dispatcher, Pool } from 'undici';
import { openPool, type TransportOptions } from './transport.ts';
import {
  type FailureCause,
  type NotReceived,
  notReceived,
  whyFailed,
} from './transport-failure.ts';
import { headerOf, type WireHeaders } from './wire-headers.ts';

export interface StreamRequest {
  /** Path and query. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly headersMs: number;
  /** For everything, the reader's own time included. */
  readonly totalMs: number;
}

export interface OpenedStream {
  readonly kind: 'opened';
  readonly statusCode: number;
  readonly headers: WireHeaders;
  /** Once, and to be read or returned from. Throws `StreamBroken` and nothing else. */
  chunks(): AsyncGenerator<Buffer, void>;
}

/** A stream that ended before its end. */
export class StreamBroken extends Error {
  override readonly name = 'StreamBroken';
  readonly ended: NotReceived;

  constructor(ended: NotReceived) {
    super(ended.detail);
    this.ended = ended;
  }
}

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

export class StreamTransport {
  private readonly pool: Pool;

  constructor(options: TransportOptions) {
    this.pool = openPool({ ...options, maxAnswerBytes: -1 });
  }

  /** Never rejects. */
  async open(ask: StreamRequest, signal: AbortSignal): Promise<OpenedStream | NotReceived> {
    if (signal.aborted) return notReceived('aborted', 'The call was aborted', false);
    const limit = new TimeLimit(ask.totalMs, signal);
    const inFlight = new InFlight();
    limit.onEnd = (error) => inFlight.body.destroy(error);
    try {
      this.pool.dispatch(
        {
          method: 'GET',
          path: ask.path,
          headers: [...ask.headers],
          headersTimeout: ask.headersMs,
        },
        inFlight,
      );
      const head = await inFlight.head;
      return { kind: 'opened', ...head, chunks: () => read(inFlight.body, head, limit) };
    } catch (error) {
      limit.lift();
      return limit.explain(error, { statusCode: 0, headers: {} }, inFlight.isSent);
    }
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }
}

type Head = Pick<NotReceived, 'statusCode' | 'headers'>;

/** One answer on its way: its head, then a body that comes as fast as it is read. */
class InFlight implements Dispatcher.DispatchHandler {
  readonly head: Promise<Head>;
  readonly body: Readable;
  isSent = false;
  private controller: Dispatcher.DispatchController | null = null;
  private readonly heads = Promise.withResolvers<Head>();
  private isEnded = false;

  constructor() {
    this.head = this.heads.promise;
    this.body = new Readable({
      read: () => this.controller?.resume(),
      destroy: (error, callback) => {
        const reason = error ?? new Error('The reader has left');
        if (!this.isEnded) this.controller?.abort(reason);
        this.heads.reject(reason);
        callback(error);
      },
    });
    // Errors are told by the head, or to whoever reads; a reader that has left wants none.
    this.body.on('error', () => undefined);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // Ended while it waited for a connection: it must not be sent any more.
    if (this.body.destroyed) controller.abort(new Error('The call has ended'));
  }

  onRequestSent(): void {
    this.isSent = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: WireHeaders,
  ): void {
    if (statusCode >= 200) this.heads.resolve({ statusCode, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.body.push(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.isEnded = true;
    this.body.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.isEnded = true;
    this.body.destroy(error);
  }
}

async function* read(body: Readable, head: Head, limit: TimeLimit): AsyncGenerator<Buffer, void> {
  try {
    for await (const chunk of decoded(body, head)) yield chunk;
  } catch (error) {
    throw error instanceof StreamBroken
      ? error
      : new StreamBroken(limit.explain(error, head, true));
  } finally {
    limit.lift();
    body.destroy();
  }
}

function decoded(body: Readable, head: Head): AsyncIterable<Buffer> {
  const encoding = headerOf(head.headers, 'content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return body;
  const decoder = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (decoder === undefined) {
    const detail = 'The answer has a content encoding that was not asked for and is not known';
    throw new StreamBroken(notReceived('broken', detail, true, head.statusCode, head.headers));
  }
  // Errors arrive at the reader of the last stream.
  return pipeline(body, decoder(), () => undefined);
}

/** Ends a stream on the caller's signal and when its time is over, and remembers which it was. */
class TimeLimit {
  onEnd: (error: Error) => void = () => undefined;
  private readonly timer: NodeJS.Timeout;
  private readonly caller: AbortSignal;
  private readonly onAbort = (): void => this.end('aborted', 'The call was aborted');
  private ending: { readonly cause: FailureCause; readonly detail: string } | null = null;

  constructor(totalMs: number, caller: AbortSignal) {
    this.caller = caller;
    this.timer = setTimeout(() => {
      this.end('timed_out', `No complete answer came within ${totalMs} ms`);
    }, totalMs);
    caller.addEventListener('abort', this.onAbort, { once: true });
  }

  explain(error: unknown, { statusCode, headers }: Head, wasSent: boolean): NotReceived {
    const fault = error instanceof Error ? error : new Error(String(error));
    const { cause, detail } = this.ending ?? whyFailed(fault, wasSent, statusCode);
    return notReceived(cause, detail, wasSent, statusCode, headers);
  }

  lift(): void {
    clearTimeout(this.timer);
    this.caller.removeEventListener('abort', this.onAbort);
  }

  private end(cause: FailureCause, detail: string): void {
    this.ending = { cause, detail };
    this.onEnd(new Error(detail));
  }
}
