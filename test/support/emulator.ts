import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

export interface Emulator {
  readonly endpoint: string;
  stop(): Promise<void>;
}

const START_TRIES = 150;
const TRY_EVERY_MS = 100;

/**
 * The AWS emulator: the one AWS_ENDPOINT_URL names, or a MiniStack of our own on a free loopback
 * port, from the executable MINISTACK names (`ministack` on the PATH unless given).
 */
export async function startEmulator(): Promise<Emulator> {
  const running = process.env['AWS_ENDPOINT_URL'];
  if (running) return { endpoint: running, stop: async () => undefined };
  const port = await freePort();
  const child = spawn(process.env['MINISTACK'] ?? 'ministack', {
    env: { ...process.env, GATEWAY_PORT: String(port), BIND_HOST: '127.0.0.1' },
    stdio: 'ignore',
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await answers(endpoint);
  return {
    endpoint,
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await exited;
    },
  };
}

async function answers(endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < START_TRIES; attempt += 1) {
    const isUp = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
  }
  throw new Error(`No emulator answers at ${endpoint}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('No port')),
      );
    });
  });
}
