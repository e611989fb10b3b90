import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EMULATOR_FOLDER, EmulatorUnavailable, ministackPython } from './python-environment.ts';

const SERVE = fileURLToPath(new URL('serve.py', import.meta.url));
/** Holds the Node that the functions run on. */
const BINARIES = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url));
/** Search path on which our own Node and `cdk` come before those of the machine. */
export const BINARIES_FIRST = `${BINARIES}:${process.env['PATH'] ?? ''}`;
const HOST = '127.0.0.1';
/** Longest wait for the first healthy answer; a busy machine takes some seconds. Unit: ms. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const PROBE_TIMEOUT_MS = 2_000;
/** Unit: characters. */
const SHOWN_LOG = 2_000;

export interface EmulatorOptions {
  /** @default a free one */
  readonly port?: number;
  /** Told before the emulator is installed, which takes half a minute. */
  readonly onInstall?: (folder: string) => void;
}

export interface Emulator {
  /** Where every service answers. */
  readonly url: string;
  readonly logFile: string;
  /** Resolves when the emulator ends, by itself or by `close`. */
  readonly ended: Promise<void>;
  /** Ends the emulator and the functions it runs. What it held is lost. */
  close(): Promise<void>;
}

/**
 * Starts a MiniStack of our own on loopback and resolves once it answers. It ends with this
 * process, however that ends.
 *
 * @throws {EmulatorUnavailable} when it cannot be installed or does not come up.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const python = await ministackPython(options.onInstall ?? (() => undefined));
  const port = options.port ?? (await freePort());
  const logFile = `${EMULATOR_FOLDER}ministack-${port}.log`;
  const log = openSync(logFile, 'w');
  // Holds the functions' code. Outside the project, so that no import finds our node_modules.
  const folder = await mkdtemp(join(tmpdir(), 'penstock-emulator-'));
  const child = spawn(python, [SERVE], {
    // A group of its own, so that the functions it starts end with it.
    detached: true,
    stdio: ['pipe', log, log],
    env: environmentOf(port, folder),
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('close', resolve);
    child.once('error', resolve);
  }).then(() => rm(folder, { recursive: true, force: true }));
  const url = `http://${HOST}:${port}`;
  const emulator = { url, logFile, ended, close: () => close(child, ended) };
  if (await comesUp(child, url)) return emulator;
  await emulator.close();
  const said = (await readFile(logFile, 'utf8')).slice(-SHOWN_LOG);
  throw new EmulatorUnavailable(`MiniStack does not answer on ${url}. It said:\n${said}`);
}

/** The name of the emulator that answers there; `null` when none does. */
export async function findEmulator(url: string): Promise<string | null> {
  try {
    const response = await fetch(`${url}/_localstack/health`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    const health: unknown = await response.json();
    if (!response.ok || typeof health !== 'object' || health === null) return null;
    if (!('services' in health)) return null;
    const name = 'iot_mtls' in health ? 'MiniStack' : 'LocalStack';
    return 'version' in health ? `${name} ${String(health.version)}` : name;
  } catch {
    return null;
  }
}

/** What makes AWS clients and the CDK talk to the emulator. */
export function emulatorEnvironment(url: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: url,
    // An address in numbers makes S3 clients put the bucket into the path.
    AWS_ENDPOINT_URL_S3: url,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
}

function environmentOf(port: number, folder: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: BINARIES_FIRST,
    PYTHONUNBUFFERED: '1',
    TMPDIR: folder,
    GATEWAY_PORT: String(port),
    BIND_HOST: HOST,
    LAMBDA_EXECUTOR: 'local',
    // Both would open ports of their own, which two emulators could not share.
    IOT_MTLS_ENABLED: '0',
    SFTP_ENABLED: '0',
  };
}

async function comesUp(child: ChildProcess, url: string): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (child.exitCode === null && child.pid !== undefined && Date.now() < deadline) {
    if ((await findEmulator(url)) !== null) return child.exitCode === null;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}

async function close(child: ChildProcess, ended: Promise<void>): Promise<void> {
  // The end of its standard input ends the whole group.
  child.stdin?.destroy();
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port is free.');
  return address.port;
}
