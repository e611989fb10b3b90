import { resolve } from 'node:path';
import { startServer } from '../../local/serve/start-server.ts';
import { createTelemetry } from '../../local/telemetry.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import type { Terminal } from '../terminal.ts';
import { configure } from './configure.ts';

export interface ServeFlags {
  readonly config?: string;
  readonly state?: string;
  readonly host?: string;
  readonly port?: number;
  readonly concurrency?: number;
  readonly verbose?: boolean;
}

const DEFAULT_STATE = '.penstock';
const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 8_080;
const INTERRUPTED = 130;

/** Serves until told to stop; resolves to the exit code. */
export async function serve(flags: ServeFlags, terminal: Terminal): Promise<number> {
  const { config, models, source } = await configure(terminal, flags, true);
  const server = await startServer({
    stateDirectory: resolve(terminal.directory, flags.state ?? DEFAULT_STATE),
    host: flags.host ?? config.server.host ?? DEFAULT_HOST,
    port: flags.port ?? config.server.port ?? DEFAULT_PORT,
    config,
    models,
    source,
    clock: terminal.clock,
    random: systemRandom,
    telemetry: await createTelemetry(flags.verbose === true ? 'debug' : 'info'),
  });
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) process.exit(INTERRUPTED);
    terminal.note('Stopping: calls in flight will finish first. Ctrl-C again quits at once.');
    server.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  terminal.print(`Penstock listens on ${server.url} (base URL ${server.url}/v1)`);
  try {
    await server.ended;
    return 0;
  } finally {
    await server.close();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}
