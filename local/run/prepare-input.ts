/** Brings a file's requests into the ledger, once; a second run finds them there. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../shared/domain/errors.ts';
import type { Lane } from '../../shared/domain/lanes/lane.ts';
import { requestIdFor } from '../../shared/domain/requests/idempotency.ts';
import { PRIORITIES, type RequestSpec } from '../../shared/domain/requests/request.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Random } from '../../shared/ports/random.ts';
import { createSizeRequest } from '../../shared/runtime/size-request.ts';
import { type Engine, INPUT_SEGMENT, LOCAL_TENANT } from '../engine.ts';
import { RejectedLines } from '../input/rejected-lines.ts';
import {
  type RejectedLine,
  type ScannedRequest,
  type ScanSummary,
  scanInput,
} from '../input/scan-input.ts';
import type { InputRecord } from '../state/run-records.ts';

export interface PrepareInputOptions {
  readonly engine: Engine;
  readonly path: string;
  /** Lines that cannot be sent become error rows, instead of stopping everything. */
  readonly skipInvalid: boolean;
  readonly lane: Lane | null;
  readonly windowMs: number | null;
  readonly tags: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly onProgress: (readBytes: number, totalBytes: number, rejected: number) => void;
}

export type PreparedInput =
  | { readonly kind: 'ready'; readonly input: InputRecord; readonly isResumed: boolean }
  /** Nothing will be sent. */
  | {
      readonly kind: 'rejected';
      readonly total: number;
      readonly first: readonly RejectedLine[];
      /** Where all of them are written. */
      readonly path: string;
    };

/**
 * Indexes the input, or recognises it.
 *
 * @throws {AppError} `state_conflict` when the state belongs to another input; `file_not_found`
 * or `empty_input`.
 */
export async function prepareInput(options: PrepareInputOptions): Promise<PreparedInput> {
  const { engine, path } = options;
  const known = engine.records.input;
  if (known === null) return indexInput(options);
  return { kind: 'ready', input: await recognise(known, path, engine), isResumed: true };
}

/** Requests taken into the ledger together. */
const REQUESTS_PER_ACCEPT = 500;

/** Where bad lines of a state's input are written. */
export function rejectedPath(directory: string): string {
  return join(directory, 'rejected.jsonl');
}

async function indexInput(options: PrepareInputOptions): Promise<PreparedInput> {
  const { engine, path, clock, random, onProgress, skipInvalid } = options;
  const found = await statInput(path);
  const batchId = random.id('batch_');
  const createdAtMs = clock.nowMs();
  const toSpec = specWriter(options, batchId, createdAtMs);
  const routed = async (spec: RequestSpec): Promise<RequestSpec> =>
    (await engine.planner.route(spec)) === 'native' ? { ...spec, route: 'native' } : spec;
  const mayWait = options.windowMs !== null || options.lane === 'native';
  const size = createSizeRequest(engine.models.catalog, 'quick');
  const rejected = await RejectedLines.create(rejectedPath(engine.directory));
  const accepting = new Accepting(engine);
  let summary: ScanSummary;
  try {
    const batches = scanInput({ path, models: engine.models, size });
    for (;;) {
      const next = await batches.next();
      if (next.done) {
        summary = next.value;
        break;
      }
      await rejected.add(next.value.rejected);
      const specs = next.value.requests.map(toSpec);
      await accepting.add(mayWait ? await Promise.all(specs.map(routed)) : specs);
      onProgress(next.value.readBytes, found.bytes, rejected.total);
    }
  } finally {
    await accepting.end();
    await rejected.close();
  }
  if (rejected.total > 0 && !skipInvalid) {
    return { kind: 'rejected', total: rejected.total, first: rejected.first, path: rejected.path };
  }
  const input = { ...found, ...summary, batchId, path, rejected: rejected.total };
  engine.records.input = input;
  return { kind: 'ready', input, isResumed: false };
}

/** Hands requests to the ledger in large groups; while one becomes durable the next gathers. */
class Accepting {
  readonly #engine: Engine;
  #gathered: RequestSpec[] = [];
  #running: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async add(requests: readonly RequestSpec[]): Promise<void> {
    this.#gathered.push(...requests);
    if (this.#gathered.length >= REQUESTS_PER_ACCEPT) await this.#hand();
  }

  async end(): Promise<void> {
    await this.#hand();
    await this.#running;
  }

  async #hand(): Promise<void> {
    await this.#running;
    this.#running = this.#engine.requests.accept(this.#gathered);
    // Its fault is met when it is waited for, one group later.
    this.#running.catch(() => {});
    this.#gathered = [];
  }
}

function specWriter(
  { lane, tags, windowMs }: PrepareInputOptions,
  batchId: string,
  createdAtMs: number,
): (request: ScannedRequest) => RequestSpec {
  const deadlineAtMs = windowMs === null ? null : createdAtMs + windowMs;
  return specOf;

  function specOf(request: ScannedRequest): RequestSpec {
    return {
      id: requestIdFor(LOCAL_TENANT, `${batchId}\n${request.customId}`),
      tenant: LOCAL_TENANT,
      customId: request.customId,
      batchId,
      model: request.model.name,
      endpoint: request.endpoint,
      lane,
      priority: PRIORITIES.bulk,
      tags,
      fingerprint: request.fingerprint,
      body: { segment: INPUT_SEGMENT, offset: request.offset, length: request.length },
      inputTokens: request.inputTokens,
      maxOutputTokens: request.maxOutputTokens,
      prefixKey: request.prefixKey,
      groupOrder: request.groupOrder,
      createdAtMs,
      deadlineAtMs,
    };
  }
}

/** The same content under any name; a file that looks untouched is not read again. */
async function recognise(known: InputRecord, path: string, engine: Engine): Promise<InputRecord> {
  const found = await statInput(path);
  const looksUntouched =
    found.bytes === known.bytes && path === known.path && found.modifiedAtMs === known.modifiedAtMs;
  if (looksUntouched) return known;
  const sha256 = found.bytes === known.bytes ? await digestOf(path) : null;
  if (sha256 !== known.sha256) {
    const isSamePath = path === known.path;
    throw new AppError(
      'state_conflict',
      `${engine.directory} belongs to ${isSamePath ? `an earlier content of ${path}` : known.path} (${known.lines} lines, ${known.bytes} bytes), not to ${isSamePath ? 'what it holds now' : path} (${found.bytes} bytes). Give another --state for this input, or delete that directory to drop its answers.`,
      { details: { state: engine.directory, recorded: known.path, given: path } },
    );
  }
  const input = { ...known, path, modifiedAtMs: found.modifiedAtMs };
  engine.records.input = input;
  return input;
}

async function statInput(path: string): Promise<{ bytes: number; modifiedAtMs: number }> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { bytes: size, modifiedAtMs: Math.trunc(mtimeMs) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError('file_not_found', `Cannot read ${path}: ${reason}. Check the path.`, {
      cause: error,
    });
  }
}

async function digestOf(path: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const piece of createReadStream(path)) digest.update(piece);
  return digest.digest('hex');
}
