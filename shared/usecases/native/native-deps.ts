import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import type { ProviderStop } from '../../domain/capacity/provider-stop.ts';
import type { NativeJob } from '../../domain/native/native-job.ts';
import type { Clock } from '../../ports/clock.ts';
import type { NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import type { NativeJobStore } from '../../ports/native-job-store.ts';
import type { PayloadStore, ResultLog } from '../../ports/payload-store.ts';
import type { Random } from '../../ports/random.ts';
import type { WorkStore } from '../../ports/request-store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { PublishedResult } from '../dispatch-progress.ts';
import type { PlanRoute } from './plan-route.ts';

/** How long files are kept at a provider for whoever looks into a fault. Unit: ms. */
export const KEEP_FILES_MS = 86_400_000;

/** Sums over requests. */
export interface Sums {
  readonly requests: number;
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
}

/** What the native lane works with, in every home. */
export interface NativeDeps {
  readonly jobs: NativeJobStore;
  readonly work: WorkStore;
  readonly payloads: PayloadStore;
  readonly results: ResultLog;
  /** Batch side of the providers, by name in the configuration. */
  readonly providers: ReadonlyMap<string, NativeBatchProvider>;
  /** Configured ones that cannot be called now; what is theirs waits. @default none */
  readonly unusable?: ReadonlySet<string>;
  readonly models: Pick<ReadonlyMap<string, ModelSettings>, 'get'>;
  /** What a model's provider lets wait in batches; `null` where that is not limited. Unit: tokens. */
  readonly queueTokensOf: (model: string) => number | null;
  readonly planRoute: PlanRoute;
  /** What calls would take for so many requests of a model, behind those that wait. Unit: ms. */
  readonly callsMs: (model: string, sums: Sums) => Promise<number>;
  /** Where rows wait that their batch has not run. @default for a call */
  readonly planAgain?: PlanRoute;
  /** How long rows are gathered, by the time to the deadline of the most urgent. Unit of both: ms. */
  readonly gatherMs: (slackMs: number | null) => number;
  /** How long the provider's files are kept after their results were taken in. Unit: ms. */
  readonly keepFilesMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Called with each group of results once they are durable and published. Must not throw. */
  readonly onPublished?: (results: readonly PublishedResult[]) => void;
  /** Called when every row of a job has an outcome or was handed back. Must not throw. */
  readonly onSettled?: (job: NativeJob) => void | Promise<void>;
}

/** What one tick is bound by. */
export interface TickTerms {
  /** Begins nothing after it. Unit: ms since the epoch. */
  readonly deadlineMs: number;
  /** Ends calls in flight. */
  readonly signal: AbortSignal;
}

/** What one tick did. */
export interface TickReport {
  built: number;
  submitted: number;
  polled: number;
  ended: number;
  settled: number;
  /** Jobs that could not be looked at; they are looked at again a minute later. */
  failed: number;
  /** Providers that need a person before they take a batch. */
  readonly stops: ProviderStop[];
}
