/** Answers of any size, read as they come: bounded in time and in silence, held back by the reader. */

import { pipeline, type Readable, type Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import type { Pool } from 'undici';
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

/** Errors from before a byte was sent. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export class StreamTransport {
  private readonly pool: Pool;

  constructor(options: TransportOptions) {
    this.pool = openPool({ ...options, maxAnswerBytes: -1 });
  }

  /** Never rejects. */
  async open(ask: StreamRequest, signal: AbortSignal): Promise<OpenedStream | NotReceived> {
    if (signal.aborted) return notReceived('aborted', 'The call was aborted', false);
    const limit = new TimeLimit(ask.totalMs, signal);
    try {
      const { statusCode, headers, body } = await this.pool.request({
        method: 'GET',
        path: ask.path,
        headers: [...ask.headers],
        headersTimeout: ask.headersMs,
        signal: limit.signal,
      });
      return {
        kind: 'opened',
        statusCode,
        headers,
        chunks: () => read(body, { statusCode, headers }, limit),
      };
    } catch (error) {
      limit.lift();
      return limit.explain(error, { statusCode: 0, headers: {} });
    }
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }
}

type Head = Pick<NotReceived, 'statusCode' | 'headers'>;

async function* read(body: Readable, head: Head, limit: TimeLimit): AsyncGenerator<Buffer, void> {
  // The reader may have left already; an error then concerns nobody.
  body.on('error', () => undefined);
  try {
    for await (const chunk of decoded(body, head)) yield chunk;
  } catch (error) {
    throw error instanceof StreamBroken ? error : new StreamBroken(limit.explain(error, head));
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
  private readonly controller = new AbortController();
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

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  explain(error: unknown, { statusCode, headers }: Head): NotReceived {
    const fault = error instanceof Error ? error : new Error(String(error));
    const code = 'code' in fault ? String(fault.code) : '';
    const isSent = !NOT_CONNECTED.has(code);
    const { cause, detail } = this.ending ?? whyFailed(fault, isSent, statusCode);
    return notReceived(cause, detail, isSent, statusCode, headers);
  }

  lift(): void {
    clearTimeout(this.timer);
    this.caller.removeEventListener('abort', this.onAbort);
  }

  private end(cause: FailureCause, detail: string): void {
    this.ending = { cause, detail };
    this.controller.abort(new Error(detail));
  }
}
