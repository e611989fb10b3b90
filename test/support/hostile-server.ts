/** A server that says exactly what a test tells it to, bytes and all, however wrong. */

import { createServer, type Server, type Socket } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Says something on the socket, or nothing. The request has been read in full. */
export type Behaviour = (socket: Socket, request: SeenRequest) => void;

export interface HostileServer {
  readonly url: string;
  readonly requests: SeenRequest[];
  /** How many connections were opened. */
  connections(): number;
  /** Takes effect with the next request. */
  behave(behaviour: Behaviour): void;
  close(): Promise<void>;
}

/** Starts on the loopback interface, on a port of the system's choice. */
export async function startHostileServer(): Promise<HostileServer> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let opened = 0;
  let current: Behaviour = reply(200, '{}');
  const server: Server = createServer((socket) => {
    opened += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const read = readRequest(pending);
        if (read === null) return;
        pending = pending.subarray(read.length);
        requests.push(read.request);
        current(socket, read.request);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was assigned.');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    connections: () => opened,
    behave: (behaviour) => {
      current = behaviour;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A well-formed answer with any status, body and headers. */
export function reply(
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Behaviour {
  const bytes = Buffer.from(body);
  const all = { 'content-type': 'application/json', 'content-length': bytes.length, ...headers };
  return raw(`HTTP/1.1 ${status} Any\r\n${linesOf(all)}\r\n`, bytes);
}

/** The given bytes as they are; the connection stays open. */
export function raw(...parts: readonly (string | Buffer)[]): Behaviour {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return (socket) => {
    socket.write(bytes);
  };
}

/** The given bytes, then an orderly close. */
export function thenClose(behaviour: Behaviour): Behaviour {
  return (socket, request) => {
    behaviour(socket, request);
    socket.end();
  };
}

/** The given bytes, then a reset. */
export function thenReset(behaviour: Behaviour): Behaviour {
  return (socket, request) => {
    behaviour(socket, request);
    setImmediate(() => socket.resetAndDestroy());
  };
}

/** Accepts the request and never says a word. */
export const silence: Behaviour = () => undefined;

function linesOf(headers: Readonly<Record<string, string | number>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

function readRequest(bytes: Buffer): { request: SeenRequest; length: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [first = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const [method = '', path = ''] = first.split(' ');
  const start = headEnd + 4;
  if (headers['transfer-encoding'] === 'chunked') {
    const chunked = readChunks(bytes, start);
    if (chunked === null) return null;
    return { request: { method, path, headers, body: chunked.body }, length: chunked.end };
  }
  const length = start + Number(headers['content-length'] ?? 0);
  if (bytes.length < length) return null;
  const body = bytes.subarray(start, length).toString();
  return { request: { method, path, headers, body }, length };
}

/** A body in chunks, once its last one is there. */
function readChunks(bytes: Buffer, start: number): { body: string; end: number } | null {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16);
    const chunkEnd = lineEnd + 2 + size;
    if (bytes.length < chunkEnd + 2) return null;
    chunks.push(bytes.subarray(lineEnd + 2, chunkEnd));
    at = chunkEnd + 2;
    if (size === 0) return { body: Buffer.concat(chunks).toString(), end: at };
  }
}
