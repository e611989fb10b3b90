import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { BatchDesk } from './batches/desk.ts';
import {
  createFrozenClock,
  createRunningClock,
  isVirtual,
  type SimulatorClock,
  systemClock,
} from './clock.ts';
import { answerControl } from './control.ts';
import { createInProcessFetch } from './in-process.ts';
import {
  checkOptions,
  InvalidOptionsError,
  mergeOptions,
  resolveOptions,
  type SimulatorOptions,
} from './options.ts';
import { Provider } from './provider.ts';
import { createResourceRouter } from './resource-router.ts';
import { createRouter } from './router.ts';
import type { Stats } from './stats.ts';

export {
  createFrozenClock,
  InvalidOptionsError,
  type SimulatorClock,
  type SimulatorOptions,
  type Stats,
};

/** Files and batches in process, with everything about them but a socket. */
export interface InProcessSimulator {
  /** Reaches the routes of files and batches, whatever the host. */
  readonly fetch: typeof fetch;
  stats(): Stats;
  /** Lays a patch over the options, live. @throws {InvalidOptionsError} */
  configure(patch: SimulatorOptions): void;
  /** Starts anew: full buckets, cold caches, empty books, no files and no batches. */
  reset(): void;
  /**
   * Moves a virtual clock forward; resolves when all that fell due has happened and the webhooks
   * among it are answered. @throws {InvalidOptionsError} when the clock cannot be moved.
   */
  advance(ms: number): Promise<void>;
}

export interface Simulator extends InProcessSimulator {
  /** Without a trailing slash and without `/v1`. */
  readonly url: string;
  readonly port: number;
  /** Stops listening and cuts what is open. */
  close(): Promise<void>;
}

/** Idle connections outlive any client's own limit, so that no client races our closing them. */
const KEEP_ALIVE_MS = 120_000;

/** The parts of a simulator, wired. */
function assemble(options: SimulatorOptions, clock: SimulatorClock, callOut: typeof fetch) {
  let current = options;
  const settings = resolveOptions(checkOptions(current));
  const provider = new Provider(settings, clock);
  const desk = new BatchDesk(provider, clock, callOut);
  const findResource = createResourceRouter(desk);
  const control: InProcessSimulator = {
    fetch: createInProcessFetch(findResource, desk, clock, () => provider.settings),
    stats: () => {
      desk.settle();
      return { ...provider.stats(), ...desk.stats() };
    },
    configure: (patch) => {
      if (patch.host !== undefined || patch.port !== undefined || patch.clock !== undefined) {
        throw new InvalidOptionsError(
          'host, port and clock cannot change while the simulator runs',
        );
      }
      // A patch is checked by itself first, so that faults are reported under the names it used.
      checkOptions(patch);
      const next = mergeOptions(current, patch);
      provider.configure(resolveOptions(checkOptions(next)), patch.faults !== undefined);
      const { script, faults } = patch.batches ?? {};
      desk.configured({ script: script !== undefined, faults: faults !== undefined });
      current = next;
    },
    reset: () => {
      provider.reset();
      desk.reset();
    },
    advance: async (ms) => {
      if (!isVirtual(clock)) {
        throw new InvalidOptionsError(
          'the clock stands by itself: start with clock frozen or running',
        );
      }
      await clock.advance(ms);
      // Answers to webhooks may make more of them due.
      do {
        desk.settle();
        await desk.webhooks.idle();
      } while ((desk.agenda.nextAtMs ?? Number.POSITIVE_INFINITY) <= clock.nowMs());
    },
  };
  return { settings, desk, control, route: createRouter(provider, desk, findResource, clock) };
}

/**
 * A simulated provider without a socket, for clients on a virtual clock. Webhooks leave by `callOut`.
 * @throws {InvalidOptionsError} naming every faulty option.
 */
export function createSimulator(
  options: SimulatorOptions = {},
  clock: SimulatorClock = clockOf(options),
  callOut: typeof fetch = fetch,
): InProcessSimulator {
  return assemble(options, clock, callOut).control;
}

/**
 * Starts a simulated provider on the loopback interface.
 * @throws {InvalidOptionsError} naming every faulty option.
 */
export async function startSimulator(
  options: SimulatorOptions = {},
  clock: SimulatorClock = clockOf(options),
): Promise<Simulator> {
  const { settings, desk, control, route } = assemble(options, clock, fetch);
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
        desk.webhooks.stop();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function clockOf({ clock }: SimulatorOptions): SimulatorClock {
  if (clock === 'frozen') return createFrozenClock();
  return clock === 'running' ? createRunningClock() : systemClock;
}
