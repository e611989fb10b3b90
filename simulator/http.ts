import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FlatHeaders } from './call.ts';

/** An answer ready for the wire. */
export interface Reply {
  readonly status: number;
  /** @default application/json */
  readonly contentType?: string | undefined;
  readonly headers: FlatHeaders;
  readonly body: string | Buffer;
}

/** The text of a body, or undefined when it exceeds `maxBytes`; the rest is then discarded. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<string | undefined> {
  return (await readBytes(request, maxBytes))?.toString('utf8');
}

/** A body, or undefined when it exceeds `maxBytes`; the rest is then discarded. */
export function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
    });
    request.on('end', () => {
      if (bytes > maxBytes) resolve(undefined);
      else resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    });
    request.on('error', reject);
  });
}

/** Parses JSON; undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Sends the head of a reply, which promises the whole body. */
export function sendHead(response: ServerResponse, reply: Reply): void {
  const { status, contentType = 'application/json', headers, body } = reply;
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, ['content-type', contentType, ...headers, 'content-length', length]);
}

/** Sends a reply whole. */
export function send(response: ServerResponse, reply: Reply): void {
  sendHead(response, reply);
  response.end(reply.body);
}

/** Sends any value as JSON; for routes that no provider has. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, { status, headers: [], body: `${JSON.stringify(value, undefined, 2)}\n` });
}

export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
