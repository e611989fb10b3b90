import type { ServerResponse } from 'node:http';
import type { SimulatorClock } from './clock.ts';
import type { FaultRule } from './faults.ts';
import { type Reply, send, sendHead } from './http.ts';

/** How long a trickling body takes unless the rule says otherwise. Unit: ms. */
const DEFAULT_DRIBBLE_MS = 5_000;
const DRIBBLE_PIECES = 20;

const HTML_PAGE =
  '<!doctype html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n';

/** Cuts the connection as a crashed host does: the client sees ECONNRESET, not a closed stream. */
export function resetConnection(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

export function sendHtml(response: ServerResponse): void {
  response.writeHead(200, [
    'content-type',
    'text/html',
    'content-length',
    String(HTML_PAGE.length),
  ]);
  response.end(HTML_PAGE);
}

/** Sends a finished answer, spoilt in the way the fault asks for. */
export async function deliver(
  response: ServerResponse,
  reply: Reply,
  fault: FaultRule | undefined,
  clock: SimulatorClock,
): Promise<void> {
  switch (fault?.kind) {
    case 'reset_after':
      resetConnection(response);
      return;
    case 'empty':
      send(response, { ...reply, body: '' });
      return;
    case 'malformed_json':
      send(response, { ...reply, body: `${reply.body.slice(0, -2)},` });
      return;
    case 'truncated':
      truncate(response, reply);
      return;
    case 'dribble':
      await dribble(response, reply, fault.durationMs ?? DEFAULT_DRIBBLE_MS, clock);
      return;
    default:
      send(response, reply);
  }
}

function truncate(response: ServerResponse, reply: Reply): void {
  sendHead(response, reply);
  const half = reply.body.slice(0, Math.floor(reply.body.length / 2));
  response.write(half, () => response.socket?.destroy());
}

async function dribble(
  response: ServerResponse,
  reply: Reply,
  durationMs: number,
  clock: SimulatorClock,
): Promise<void> {
  sendHead(response, reply);
  const size = Math.max(1, Math.ceil(reply.body.length / DRIBBLE_PIECES));
  for (let start = 0; start < reply.body.length; start += size) {
    await clock.sleep(durationMs / DRIBBLE_PIECES);
    if (response.destroyed) return;
    response.write(reply.body.slice(start, start + size));
  }
  response.end();
}
