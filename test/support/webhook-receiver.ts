import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { text } from 'node:stream/consumers';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly port: number;
  readonly url: string;
  readonly received: readonly Received[];
  /** Resolves once so many calls have come. */
  has(count: number): Promise<void>;
  close(): Promise<void>;
}

export type Answer = (response: ServerResponse, call: Received, count: number) => void;

/** Takes webhooks on loopback and answers as told; 200 without a body unless told otherwise. */
export async function startReceiver(
  answer: Answer = (response) => response.end(),
  tls?: { readonly key: string; readonly cert: string },
): Promise<Receiver> {
  const received: Received[] = [];
  const listeners = new Set<() => void>();
  const listener: RequestListener = (request, response) => {
    void take(request).then((call) => {
      received.push(call);
      answer(response, call, received.length);
      for (const look of listeners) look();
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/hook?a=1`,
    received,
    has: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (received.length >= count) resolve();
        };
        listeners.add(look);
        look();
      }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function take(request: IncomingMessage): Promise<Received> {
  const { method = '', url: path = '', headers } = request;
  return { method, path, headers, body: await text(request) };
}
