/** Servers that answer, or hang up, before they have read the rows. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createScripted, type DialectName, inputFor, NEVER } from './scripted.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const LARGE = Array.from({ length: 400 }, () => ({ text: 'x'.repeat(50_000) }));

/** What comes of sending 20 MB to a server that does as told once the head is there. */
async function send(dialect: DialectName, behave: (socket: Socket) => void, signal = NEVER) {
  const made = createServer((request) => behave(request.socket));
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  const { port } = made.address() as AddressInfo;
  const provider = createScripted(dialect, `http://127.0.0.1:${port}`, {
    timeouts: { totalMs: 1_500, headersMs: 1_000 },
  });
  let wasLeft = false;
  const input = inputFor(dialect, LARGE);
  const rows = async function* () {
    try {
      yield* input.rows();
    } finally {
      wasLeft = true;
    }
  };
  const outcome =
    dialect === 'anthropic'
      ? await provider.create({ ...input, rows }, null, signal)
      : await provider.upload({ ...input, rows }, signal);
  await provider.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(wasLeft).toBe(true);
  return outcome;
}

const BODY = '{"error":{"message":"Too large"}}';
const REFUSAL = `HTTP/1.1 413 Any\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;

it.each(['openai', 'anthropic'] as const)(
  '%s: a refusal before the rows were read',
  async (dialect) => {
    const outcome = await send(dialect, (socket) => socket.write(REFUSAL));
    expect(outcome).toMatchObject({
      kind: 'failed',
      code: 'payload_too_large',
      isAmbiguous: false,
    });
  },
);

it.each(['openai', 'anthropic'] as const)(
  '%s: a reset before the rows were read',
  async (dialect) => {
    const outcome = await send(dialect, (socket) => socket.resetAndDestroy());
    expect(outcome).toMatchObject({ kind: 'failed', isAmbiguous: false });
    expect(outcome).toMatchObject({ code: 'provider_unreachable' });
  },
);

it.each(['openai', 'anthropic'] as const)('%s: a server that reads nothing', async (dialect) => {
  const outcome = await send(dialect, (socket) => socket.pause());
  expect(outcome).toMatchObject({ kind: 'failed', code: 'provider_timeout', isAmbiguous: false });
});

it.each(['openai', 'anthropic'] as const)('%s: an abort in the middle', async (dialect) => {
  const controller = new AbortController();
  const outcome = await send(
    dialect,
    (socket) => {
      socket.pause();
      setTimeout(() => controller.abort(), 20);
    },
    controller.signal,
  );
  expect(outcome).toMatchObject({ kind: 'failed', code: 'provider_timeout', isAmbiguous: false });
});
