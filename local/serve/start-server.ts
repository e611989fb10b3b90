/** `penstock serve`, without its terminal: the HTTP API and a worker over one state directory. */

import { createAdaptorServer } from '@hono/node-server';
import { createApi } from '../../functions/api/app.ts';
import { createKeyAuthenticator } from '../../functions/api/authenticate.ts';
import { readProviderWebhook } from '../../shared/adapters/providers/native/provider-webhook.ts';
import { signWebhook } from '../../shared/adapters/webhooks/sign-webhook.ts';
import { HttpWebhookSender } from '../../shared/adapters/webhooks/webhook-sender.ts';
import type { PenstockConfig } from '../../shared/contracts/config.ts';
import { prefixKey } from '../../shared/domain/caching/prefix-key.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Random } from '../../shared/ports/random.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { ConfiguredModels } from '../../shared/runtime/configured-models.ts';
import { createSizeRequest } from '../../shared/runtime/size-request.ts';
import { createWebhookSecrets } from '../../shared/runtime/webhook-secrets.ts';
import { createAdvanceBatch } from '../../shared/usecases/batches/advance-batch.ts';
import { releaseReaders } from '../../shared/usecases/batches/release-readers.ts';
import type { PublishedResult } from '../../shared/usecases/dispatch-progress.ts';
import { createManageFiles } from '../../shared/usecases/files/manage-files.ts';
import { createSubmitRequests } from '../../shared/usecases/submit-requests.ts';
import { createDeliverWebhooks } from '../../shared/usecases/webhooks/deliver-webhooks.ts';
import { createManageWebhooks } from '../../shared/usecases/webhooks/manage-webhooks.ts';
import { createReceiveProviderWebhook } from '../../shared/usecases/webhooks/receive-provider-webhook.ts';
import { CompletionTeller } from '../../shared/usecases/webhooks/tell-completions.ts';
import { type Engine, openEngine } from '../engine.ts';
import { BatchRunner } from './batch-runner.ts';
import { CompletionSignals } from './completion-signals.ts';
import { addressesLoopback, isLoopback } from './loopback.ts';
import { openServerKeys } from './server-keys.ts';
import { tickWebhooks } from './webhook-ticks.ts';

export interface ServerOptions {
  readonly stateDirectory: string;
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly config: PenstockConfig;
  readonly models: ConfiguredModels;
  /** Names the configuration in errors. */
  readonly source: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

export interface RunningServer {
  readonly url: string;
  /** Resolves when the worker has ended, after `stop`; rejects when it could not go on. */
  readonly ended: Promise<void>;
  /** Takes no more calls and sends nothing more; calls in flight finish. */
  stop(): void;
  /** Lets go of everything. The worker must have ended. */
  close(): Promise<void>;
}

type NodeServer = ReturnType<typeof createAdaptorServer>;

/**
 * Starts to serve and to work.
 *
 * @throws {AppError} `invalid_configuration` when others could reach it without a key, or the port
 * is taken; and what `openEngine` throws.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, host, models, port, clock, random, telemetry } = options;
  const completions = new CompletionSignals();
  let teller: CompletionTeller | null = null;
  const published = (results: readonly PublishedResult[]): void => {
    completions.published(results);
    teller?.published(results);
  };
  const engine = await openEngine({
    ...options,
    directory: options.stateDirectory,
    purpose: 'serve',
    onPublished: published,
  });
  const { dispatcher } = engine;
  engine.budgets.recover();
  // The directory is ours alone, so whoever was reading is dead.
  await releaseReaders(engine.batches);
  teller = new CompletionTeller(engine.completions, telemetry);
  const sender = new HttpWebhookSender({ policy: config.server.webhookTargets, clock });
  const serverKeys = openServerKeys({
    ...engine,
    clock,
    random,
    configured: config.server.apiKeys,
  });
  if ((await serverKeys.isOpen()) && !isLoopback(host)) {
    await engine.close();
    throw new AppError(
      'invalid_configuration',
      `${host} can be reached by others, so keys are needed: name them under server.apiKeys, make some with penstock keys create while it listens on 127.0.0.1, or listen there.`,
    );
  }
  const ports = {
    ...engine,
    measure: createSizeRequest(models.catalog, 'quick'),
    prefixKey,
    clock,
    random,
    telemetry,
    wake: () => dispatcher.wake(),
    onCancelled: (result: PublishedResult) => {
      dispatcher.withdraw(result.outcome.id);
      published([result]);
    },
  };
  const runner = new BatchRunner({
    ...ports,
    advanceBatch: createAdvanceBatch({
      ...ports,
      addresses: null,
      submitRequests: createSubmitRequests(ports),
      onEnded(results) {
        for (const { outcome } of results) dispatcher.withdraw(outcome.id);
        published(results);
      },
    }),
    manageFiles: createManageFiles({ ...ports, mostFileLifeMs: null }),
  });
  const api = createApi({
    ...ports,
    addresses: null,
    bell: runner,
    completions,
    authenticate: createKeyAuthenticator(config.server.apiKeys, serverKeys.stored),
    manageKeys: serverKeys.manageKeys,
    manageWebhooks: createManageWebhooks({ ...ports, targets: sender }),
    receiveProviderWebhook: createReceiveProviderWebhook({
      messages: engine.providerMessages,
      polling: engine.nativePolling,
      readWebhook: readProviderWebhook,
      secretOf: createWebhookSecrets(config, refuseSecret),
      clock,
      telemetry,
    }),
    uploads: null,
    stops: async () => dispatcher.progress().stops,
  });
  const server = createAdaptorServer({
    fetch: async (request: Request) =>
      !addressesLoopback(request) && (await serverKeys.isOpen())
        ? refuseForeignName()
        : api.fetch(request),
  });
  try {
    const url = await listen(server, host, port);
    const stopped = new AbortController();
    const deliver = createDeliverWebhooks({ ...ports, sender, sign: signWebhook });
    const sending = tickWebhooks(deliver, clock, telemetry, stopped.signal);
    const background: Background = {
      stop() {
        runner.stop();
        stopped.abort();
      },
      ended: Promise.all([runner.run(), sending]),
      settle: async () => teller?.settle(),
    };
    return runningServer(engine, server, url, background);
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** What goes on beside the worker. */
interface Background {
  /** Begins nothing more. */
  stop(): void;
  /** Resolves once all of it has ended, after `stop`; rejects when some could not go on. */
  readonly ended: Promise<unknown>;
  /** Resolves once all ends have been told. */
  settle(): Promise<void>;
}

function runningServer(
  engine: Engine,
  server: NodeServer,
  url: string,
  background: Background,
): RunningServer {
  const dispatching = engine.dispatcher.run({ untilDrained: false });
  const ended = Promise.all([dispatching, background.ended]).then(() => {});
  return {
    url,
    ended,
    stop() {
      server.close();
      engine.dispatcher.stop();
      background.stop();
    },
    async close() {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      background.stop();
      await background.ended;
      await background.settle();
      await engine.close();
    },
  };
}

function listen(server: NodeServer, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new AppError(
          'invalid_configuration',
          `Cannot listen on ${host}:${port}: ${cause.message}. Choose another with --port or --host.`,
          { cause },
        ),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${bound}`);
    });
  });
}

function refuseForeignName(): Response {
  const detail = 'This server has no keys, so it answers only to localhost and 127.0.0.1.';
  const problem = { type: 'about:blank', title: 'Forbidden', status: 403, detail };
  return Response.json(problem, {
    status: 403,
    headers: { 'content-type': 'application/problem+json' },
  });
}

/** A configuration with a reference to a secret store is refused before it comes here. */
async function refuseSecret(name: string): Promise<never> {
  throw new AppError('invalid_configuration', `There is no secret store to read ${name} from`);
}
