/** `penstock run`, without its terminal: a file in, a file out, and nothing lost in between. */

import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { PenstockConfig } from '../../shared/contracts/config.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { Lane } from '../../shared/domain/lanes/lane.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Random } from '../../shared/ports/random.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { ConfiguredModels } from '../../shared/runtime/configured-models.ts';
import type { DispatchProgress } from '../../shared/usecases/dispatch-progress.ts';
import { type Engine, LOCAL_TENANT, openEngine } from '../engine.ts';
import { rejectedResults } from '../input/rejected-lines.ts';
import {
  publishedLines,
  ResultExport,
  type ResultExportDeps,
  refuseForeignOutput,
} from '../state/result-export.ts';
import type { InputRecord } from '../state/run-records.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { type PreparedInput, prepareInput, rejectedPath } from './prepare-input.ts';
import { costOf, endedCount, type RunReport, readStanding, writeReport } from './run-report.ts';

/** A run that has begun to send. */
export interface ActiveRun {
  /** Lines of the input. */
  readonly total: number;
  /** Ended before this run began, lines passed over among them. */
  readonly doneBefore: number;
  readonly failedBefore: number;
  readonly costBeforeMicroUsd: number;
  readonly isResumed: boolean;
  /** Answers found that the last run had received and not published. */
  readonly adopted: number;
  progress(): DispatchProgress;
  /** Sends nothing more; calls in flight finish. */
  stop(): void;
  /** Ends calls in flight too. */
  abort(): void;
}

export interface RunFileOptions {
  readonly inputPath: string;
  /** A file, or where to write everything once it has ended. */
  readonly output: string | NodeJS.WritableStream;
  readonly stateDirectory: string;
  readonly overwrite: boolean;
  readonly skipInvalid: boolean;
  readonly lane: Lane | null;
  readonly windowMs: number | null;
  readonly tags: readonly string[];
  readonly config: PenstockConfig;
  readonly models: ConfiguredModels;
  /** Names the configuration in errors. */
  readonly source: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly onValidating: (readBytes: number, totalBytes: number, rejected: number) => void;
  readonly onRunning: (run: ActiveRun) => void;
}

export type RunResult =
  | Extract<PreparedInput, { kind: 'rejected' }>
  | { readonly kind: 'ended'; readonly report: RunReport };

/**
 * Answers a file. Everything received is kept whatever happens; the same call goes on from there.
 *
 * @throws {AppError} for what a person has to mend; its message says how.
 */
export async function runFile(options: RunFileOptions): Promise<RunResult> {
  const startedAtMs = options.clock.nowMs();
  const inputPath = findInput(options.inputPath);
  refuseSameFile(inputPath, options.output);
  const latencies = new LatencyHistogram();
  let advance = (): void => {};
  const engine = await openEngine({
    ...options,
    directory: options.stateDirectory,
    purpose: 'run',
    inputPath,
    onPublished: (results) => {
      for (const { outcome } of results) {
        if (outcome.firstAttemptAtMs === null) continue;
        latencies.add(outcome.finishedAtMs - outcome.firstAttemptAtMs);
      }
      advance();
    },
  });
  try {
    const exportDeps = { ...engine, published: engine.work, clock: options.clock };
    if (typeof options.output === 'string' && !options.overwrite) {
      await refuseForeignOutput(exportDeps, options.output);
    }
    const prepared = await prepareInput({
      ...options,
      engine,
      path: inputPath,
      onProgress: options.onValidating,
    });
    if (prepared.kind === 'rejected') return prepared;
    const { input, isResumed } = prepared;
    await refuseLostModels(engine);
    const before = await readStanding(engine, input.batchId);
    const output = await openOutput(engine, input, options, exportDeps);
    advance = output.advance;
    options.onRunning({
      total: input.lines,
      doneBefore: endedCount(before.counts) + input.rejected,
      failedBefore: endedCount(before.counts) - before.counts.succeeded + input.rejected,
      costBeforeMicroUsd: costOf(before),
      isResumed,
      adopted: engine.adopted.adopted,
      progress: () => engine.dispatcher.progress(),
      stop: () => engine.dispatcher.stop(),
      abort: () => engine.dispatcher.abort(),
    });
    const dispatch = await output.keepUpWith(() => engine.dispatcher.run({ untilDrained: true }));
    const progress = engine.dispatcher.progress();
    const wallMs = options.clock.nowMs() - startedAtMs;
    const parts = { engine, input, before, dispatch, progress, latencies, wallMs };
    return { kind: 'ended', report: await writeReport(parts) };
  } finally {
    await engine.close();
  }
}

/** Where published lines go while, or after, the dispatcher works. */
interface Output {
  advance(): void;
  /** Runs the work, then writes what is left; the first fault of either is thrown. */
  keepUpWith<Value>(work: () => Promise<Value>): Promise<Value>;
}

async function openOutput(
  engine: Engine,
  input: InputRecord,
  { output, overwrite, clock }: RunFileOptions,
  deps: ResultExportDeps,
): Promise<Output> {
  const preface = () => prefaceOf(engine, input, clock);
  if (typeof output !== 'string') {
    return {
      advance: () => {},
      async keepUpWith(work) {
        const value = await work();
        await pipeline(asText(preface(), publishedLines(deps, 0)), output, { end: false });
        return value;
      },
    };
  }
  const file = await ResultExport.open(deps, { path: output, overwrite, preface });
  let fault: { error: unknown } | null = null;
  return {
    advance() {
      file.advance().catch((error: unknown) => {
        fault ??= { error };
        engine.dispatcher.stop();
      });
    },
    async keepUpWith(work) {
      let value: Awaited<ReturnType<typeof work>>;
      try {
        value = await work();
      } catch (error) {
        // What was answered is in the log; the file is only as far as it could get.
        await file.close().catch(() => {});
        throw error;
      }
      await file.close();
      if (fault !== null) throw fault.error;
      return value;
    },
  };
}

async function* prefaceOf(
  engine: Engine,
  { batchId, rejected }: InputRecord,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  if (rejected === 0) return;
  const batch = { batchId, tenant: LOCAL_TENANT, finishedAtMs: clock.nowMs() };
  yield* rejectedResults(rejectedPath(engine.directory), batch);
}

async function* asText(
  preface: AsyncIterable<Uint8Array>,
  published: AsyncIterable<{ lines: readonly Uint8Array[] }>,
): AsyncGenerator<Uint8Array> {
  const lineFeed = Buffer.from('\n');
  for await (const line of preface) yield Buffer.concat([line, lineFeed]);
  for await (const { lines } of published) {
    yield Buffer.concat(lines.flatMap((line) => [line, lineFeed]));
  }
}

/** The input by the one path it has, whatever it was called by. */
function findInput(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new AppError('file_not_found', `There is no file ${path}. Check the path.`, {
      cause: error,
    });
  }
}

function refuseSameFile(inputPath: string, output: RunFileOptions['output']): void {
  if (typeof output !== 'string') return;
  const directory = resolve(dirname(output));
  const existing = statSync(output, { throwIfNoEntry: false });
  const input = statSync(inputPath);
  const isSame = existing?.ino === input.ino && existing.dev === input.dev;
  if (isSame || join(directory, basename(output)) === inputPath) {
    throw new AppError(
      'output_conflict',
      `${output} is the input itself. Give another file with -o.`,
    );
  }
  if (existing !== undefined && !existing.isFile()) {
    throw new AppError('output_conflict', `${output} is not a file. Give a file with -o.`);
  }
}

/** A model that left the configuration since its requests were taken in. */
async function refuseLostModels(engine: Engine): Promise<void> {
  const lost = (await engine.work.backlog()).filter(({ model }) => !engine.models.has(model));
  const [first] = lost;
  if (first === undefined) return;
  throw new AppError(
    'unknown_model',
    `${first.requests} requests of ${engine.directory} wait for ${first.model}, but ${engine.models.explainUnknown(first.model)}`,
  );
}
