/** Puts the one-machine home together: ledger, logs, providers and dispatcher over one directory. */

import { DiskPayloadStore } from '../shared/adapters/disk/payload-store.ts';
import { DiskResultLog } from '../shared/adapters/disk/result-log.ts';
import type { SqliteStores } from '../shared/adapters/sqlite/stores.ts';
import type { PenstockConfig } from '../shared/contracts/config.ts';
import type { Clock } from '../shared/ports/clock.ts';
import type { CompletionEvents } from '../shared/ports/completion-events.ts';
import type { CompletionProvider } from '../shared/ports/completion-provider.ts';
import type { PayloadStore, ResultLog } from '../shared/ports/payload-store.ts';
import type { Random } from '../shared/ports/random.ts';
import type { Telemetry } from '../shared/ports/telemetry.ts';
import type { ConfiguredModels } from '../shared/runtime/configured-models.ts';
import { createProviders } from '../shared/runtime/provider-settings.ts';
import { type AdoptionReport, adoptResults } from '../shared/usecases/adopt-results.ts';
import type { PublishedResult } from '../shared/usecases/dispatch-progress.ts';
import { createDispatcher, type Dispatcher } from '../shared/usecases/dispatcher.ts';
import { createPublishCompletions } from '../shared/usecases/publish-completions.ts';
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
  readonly records: RunRecords;
  readonly providers: ReadonlyMap<string, CompletionProvider>;
  readonly models: ConfiguredModels;
  readonly dispatcher: Dispatcher;
  /** Tells endpoints of what has ended. */
  readonly completions: CompletionEvents;
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
      await Promise.all([...providers.values()].map((provider) => provider.close()));
    });
    const owner = random.id('worker_');
    await stores.work.releaseOwnersExcept(owner);
    const completions = createPublishCompletions({ ...stores, bus: null, clock });
    const adopted = await adoptResults({
      log: results,
      marks: stores.marks,
      work: stores.work,
      events: completions,
    });
    const dispatcher = createDispatcher({
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
    });
    return {
      ...stores,
      directory,
      payloads,
      results,
      records,
      providers,
      models,
      dispatcher,
      adopted,
      completions,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
