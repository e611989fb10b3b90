/** Puts the one-machine home together: ledger, logs, providers and dispatcher over one directory. */

import { DiskFileContents } from '../shared/adapters/disk/file-contents.ts';
import { DiskPayloadStore } from '../shared/adapters/disk/payload-store.ts';
import { DiskResultLog } from '../shared/adapters/disk/result-log.ts';
import type { SqliteStores } from '../shared/adapters/sqlite/stores.ts';
import type { PenstockConfig } from '../shared/contracts/config.ts';
import { gatherMs } from '../shared/domain/lanes/plan-lane.ts';
import type { Clock } from '../shared/ports/clock.ts';
import type { CompletionEvents } from '../shared/ports/completion-events.ts';
import type { CompletionProvider } from '../shared/ports/completion-provider.ts';
import type { FileContents } from '../shared/ports/file-contents.ts';
import type { PayloadStore, ResultLog } from '../shared/ports/payload-store.ts';
import type { NativePolling } from '../shared/ports/provider-webhooks.ts';
import type { Random } from '../shared/ports/random.ts';
import type { Telemetry } from '../shared/ports/telemetry.ts';
import type { ConfiguredModels } from '../shared/runtime/configured-models.ts';
import { createNativeProviders, createProviders } from '../shared/runtime/provider-settings.ts';
import { type AdoptionReport, adoptResults } from '../shared/usecases/adopt-results.ts';
import { DispatchTally } from '../shared/usecases/dispatch/dispatch-tally.ts';
import type { PublishedResult } from '../shared/usecases/dispatch-progress.ts';
import { createDispatcher, type Dispatcher } from '../shared/usecases/dispatcher.ts';
import { createNativePolling } from '../shared/usecases/native/hurry-native-jobs.ts';
import { KEEP_FILES_MS } from '../shared/usecases/native/native-deps.ts';
import { createNativeRoom, createPlannedTick } from '../shared/usecases/native/planned-tick.ts';
import { createPlanner, type Planner } from '../shared/usecases/planning/planner.ts';
import { createPublishCompletions } from '../shared/usecases/webhooks/publish-completions.ts';
import { LocalWorker } from './local-worker.ts';
import { NativeScheduler } from './native-scheduler.ts';
import { NATIVE_TICK_MS } from './native-tick.ts';
import { openState } from './state/open-state.ts';
import type { RunRecords } from './state/run-records.ts';

/** Name of the external segment that an input file serves as. */
export const INPUT_SEGMENT = 'input';

/** Whom requests on one machine belong to where no server key says otherwise. */
export const LOCAL_TENANT = 'local';

export interface EngineOptions {
  readonly directory: string;
  readonly purpose: 'run' | 'serve';
  readonly config: PenstockConfig;
  readonly models: ConfiguredModels;
  /** Names the configuration in errors. */
  readonly source: string;
  /** The file whose lines are requests, where there is one. */
  readonly inputPath?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Called with each group of results once published. Must not throw. */
  readonly onPublished: (results: readonly PublishedResult[]) => void;
}

export interface Engine extends SqliteStores {
  readonly directory: string;
  readonly payloads: PayloadStore;
  readonly results: ResultLog;
  readonly contents: FileContents;
  readonly records: RunRecords;
  readonly providers: ReadonlyMap<string, CompletionProvider>;
  readonly models: ConfiguredModels;
  readonly dispatcher: Dispatcher;
  readonly planner: Planner;
  /** Tells endpoints of what has ended. */
  readonly completions: CompletionEvents;
  /** For whoever hears that a provider's batch has ended. */
  readonly nativePolling: NativePolling;
  /** What the last owner had received and not published. */
  readonly adopted: AdoptionReport;
  /** Lets go of everything, the directory last. The dispatcher must have ended. */
  close(): Promise<void>;
}

/**
 * Opens the engine over a state directory, and adopts what its last owner left.
 *
 * @throws {AppError} saying what is wrong with the directory or the configuration, and the remedy.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { clock, config, directory, inputPath, models, random, source, telemetry } = options;
  const providers = createProviders(config, source, clock);
  const nativeProviders = createNativeProviders(config, source, clock);
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  try {
    const state = await openState(directory, options.purpose);
    closers.push(() => state.close());
    const { stores, records } = state;
    const results = new DiskResultLog({ directory });
    closers.push(() => results.close());
    const external = inputPath === undefined ? {} : { [INPUT_SEGMENT]: inputPath };
    const payloads = new DiskPayloadStore({ directory, external });
    closers.push(() => payloads.close());
    closers.push(async () => {
      const all = [...providers.values(), ...nativeProviders.values()];
      await Promise.all(all.map((provider) => provider.close()));
    });
    const owner = random.id('worker_');
    const tally = new DispatchTally();
    const queueTokensOf = (model: string): number | null =>
      config.models.get(model)?.batchQueueTokens ?? null;
    const planner = createPlanner({
      work: stores.work,
      capacity: stores.capacity,
      turnarounds: stores.turnarounds,
      models,
      clock,
      random,
      tickMs: NATIVE_TICK_MS,
      hasNativeRoom: createNativeRoom({ jobs: stores.nativeJobs, queueTokensOf }),
    });
    const native = new NativeScheduler({
      jobs: stores.nativeJobs,
      work: stores.work,
      clock,
      telemetry,
      expectEndMs: planner.expectEndMs,
      createTick: (jobs) =>
        createPlannedTick(
          {
            jobs,
            work: stores.work,
            payloads,
            results,
            providers: nativeProviders,
            models,
            queueTokensOf,
            gatherMs: options.purpose === 'run' ? () => 0 : gatherMs,
            keepFilesMs: options.purpose === 'run' ? 0 : KEEP_FILES_MS,
            clock,
            random,
            telemetry,
            onPublished(group) {
              for (const { outcome } of group) tally.published(outcome);
              options.onPublished(group);
            },
          },
          planner,
        ),
    });
    const polling = createNativePolling(stores.nativeJobs, clock);
    const open = await native.adopt();
    await stores.work.releaseOwnersExcept(owner, ...open.map(({ leaseOwner }) => leaseOwner));
    const completions = createPublishCompletions({ ...stores, bus: null, clock });
    const adopted = await adoptResults({
      log: results,
      marks: stores.marks,
      work: stores.work,
      events: completions,
    });
    const calls = createDispatcher({
      work: stores.work,
      payloads,
      results,
      capacity: stores.capacity,
      providers,
      models,
      clock,
      random,
      telemetry,
      owner,
      onPublished: options.onPublished,
      nativeStops: () => native.stops(),
    });
    const dispatcher = new LocalWorker(calls, native, tally);
    return {
      ...stores,
      directory,
      payloads,
      results,
      contents: new DiskFileContents(directory),
      records,
      providers,
      models,
      dispatcher,
      planner,
      adopted,
      completions,
      nativePolling: {
        async pollSoon(provider, batchId) {
          const isOurs = await polling.pollSoon(provider, batchId);
          if (isOurs) native.wake();
          return isOurs;
        },
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
