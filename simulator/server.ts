import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type SimulatorClock, systemClock } from './clock.ts';
import { answerControl } from './control.ts';
import {
  checkOptions,
  InvalidOptionsError,
  mergeOptions,
  resolveOptions,
  type SimulatorOptions,
} from './options.ts';
import { Provider } from './provider.ts';
import { createRouter } from './router.ts';
import type { Stats } from './stats.ts';

export { InvalidOptionsError, type SimulatorClock, type SimulatorOptions, type Stats };

export interface Simulator {
  /** Without a trailing slash and without `/v1`. */
  readonly url: string;
  readonly port: number;
  stats(): Stats;
  /** Lays a patch over the options, live. @throws {InvalidOptionsError} */
  configure(patch: SimulatorOptions): void;
  /** Starts anew: full buckets, cold caches, empty books. */
  reset(): void;
  /** Stops listening and cuts what is open. */
  close(): Promise<void>;
}

/** Idle connections outlive any client's own limit, so that no client races our closing them. */
const KEEP_ALIVE_MS = 120_000;

/**
 * Starts a simulated provider on the loopback interface.
 * @throws {InvalidOptionsError} naming every faulty option.
 */
export async function startSimulator(
  options: SimulatorOptions = {},
  clock: SimulatorClock = systemClock,
): Promise<Simulator> {
  let current = options;
  const settings = resolveOptions(checkOptions(current));
  const provider = new Provider(settings, clock);
  const route = createRouter(provider, clock);

  const configure = (patch: SimulatorOptions): void => {
    if (patch.host !== undefined || patch.port !== undefined) {
      throw new InvalidOptionsError('host and port cannot change while the simulator runs');
    }
    // A patch is checked by itself first, so that faults are reported under the names it used.
    checkOptions(patch);
    const next = mergeOptions(current, patch);
    provider.configure(resolveOptions(checkOptions(next)), patch.faults !== undefined);
    current = next;
  };

  const control = { stats: () => provider.stats(), reset: () => provider.reset(), configure };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (await answerControl(request, response, control)) return;
    await route(request, response);
  };
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A client that goes while it sends is its own affair; anything else is a fault of ours.
      if (request.socket.destroyed) return;
      response.destroy();
      throw error;
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was assigned.');
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return {
    url: `http://${host}:${address.port}`,
    port: address.port,
    ...control,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
