import { openAiRefusal } from '../../contracts/openai-error.ts';
import type { Principal } from '../../domain/api-key.ts';
import {
  type BatchKind,
  type BatchOptions,
  type BatchRecord,
  hasEnded,
  mayBecome,
  NO_INSTANTS,
} from '../../domain/batches/batch.ts';
import type { FilePart } from '../../domain/batches/stored-file.ts';
import { AppError } from '../../domain/errors.ts';
import { MAX_COMPLETION_WINDOW_MS } from '../../domain/lanes/completion-window.ts';
import { timeId } from '../../domain/time-id.ts';
import type { BatchBell } from '../../ports/batch-bell.ts';
import type { BatchFilter, BatchStore } from '../../ports/batch-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import type { IdClaims } from '../../ports/id-claims.ts';
import type { Random } from '../../ports/random.ts';
import type { RequestStore, StatusCounts } from '../../ports/request-store.ts';
import { keyConflict, type ManageFiles } from '../files/manage-files.ts';
import { changeBatch } from './batch-changes.ts';
import { resultsBlobOf } from './open-results.ts';
import { refusedParts } from './refused-parts.ts';
import type { ShowFiles } from './show-files.ts';

export interface NewBatch {
  readonly caller: Principal;
  readonly endpoint: string;
  readonly completionWindow: string;
  /** Unit: ms. */
  readonly windowMs: number;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly options: BatchOptions;
  /** Unit: ms. */
  readonly outputLifeMs: number;
  /** The same batch under the same key is made once; `null` makes it anew. */
  readonly idempotencyKey: string | null;
}

/** A batch, and how its requests stand; `null` while it has none, or once it says so itself. */
export interface FoundBatch {
  readonly batch: BatchRecord;
  readonly counts: StatusCounts | null;
}

/** What callers do with batches. Each call fails with `not_found` for a batch of another tenant. */
export interface ManageBatches {
  /** A batch of the lines of a file. */
  fromFile(batch: NewBatch, inputFileId: string): Promise<FoundBatch>;
  /** A batch of lines whose names have been checked. `fingerprint`: digest of them. */
  fromLines(
    batch: NewBatch,
    lines: Uint8Array,
    count: number,
    fingerprint: string,
  ): Promise<FoundBatch>;
  get(tenant: string, kind: BatchKind, id: string): Promise<FoundBatch>;
  list(filter: BatchFilter): Promise<{ items: FoundBatch[]; hasMore: boolean }>;
  /** @throws {AppError} `not_cancellable` when it has ended. */
  cancel(tenant: string, kind: BatchKind, id: string): Promise<FoundBatch>;
  /** @throws {AppError} `invalid_request` when it has not ended. */
  delete(tenant: string, kind: BatchKind, id: string): Promise<void>;
}

export interface ManageBatchesDeps {
  readonly batches: BatchStore;
  readonly contents: FileContents;
  readonly claims: IdClaims;
  readonly requests: Pick<RequestStore, 'counts'>;
  readonly manageFiles: ManageFiles;
  readonly showFiles: ShowFiles;
  readonly bell: BatchBell;
  /** Longer no file is kept here. `null` for no such bound. Unit: ms. */
  readonly mostFileLifeMs: number | null;
  readonly clock: Clock;
  readonly random: Random;
}

const PREFIXES: Readonly<Record<BatchKind, string>> = { openai: 'batch_', anthropic: 'msgbatch_' };
/** Of an id, after the time. */
const UNIQUE_CHARACTERS = 20;

export function createManageBatches(deps: ManageBatchesDeps): ManageBatches {
  const { batches, contents, claims, requests, manageFiles, showFiles, bell, clock, random } = deps;
  const { mostFileLifeMs } = deps;

  const uniqueId = (prefix: string): string =>
    timeId(prefix, clock.nowMs(), random.id('').slice(0, UNIQUE_CHARACTERS));

  /**
   * The id to make it under, and the batch that is there already. `check` may refuse a batch that is
   * new: before its key is claimed, so that the call can be mended and sent again under it.
   */
  async function claim(
    kind: BatchKind,
    batch: NewBatch,
    input: string,
    check: () => Promise<unknown>,
  ) {
    const { idempotencyKey, caller } = batch;
    const id = uniqueId(PREFIXES[kind]);
    if (idempotencyKey === null) return { id, known: null };
    const { endpoint, completionWindow, metadata, options, outputLifeMs } = batch;
    const asked = [input, endpoint, completionWindow, metadata, options, outputLifeMs];
    const fingerprint = JSON.stringify(asked);
    const key = `${kind}/${idempotencyKey}`;
    if ((await claims.find(caller.tenant, key)) === null) await check();
    const standing = await claims.claim(caller.tenant, key, { fingerprint, id });
    if (standing.fingerprint !== fingerprint) throw keyConflict();
    return { id: standing.id, known: await batches.get(caller.tenant, standing.id) };
  }

  async function findInput(tenant: string, id: string): Promise<readonly FilePart[]> {
    const file = await manageFiles.get(tenant, id).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
      const message = `No such File object: ${id.slice(0, 80)}`;
      throw openAiRefusal(message, 'input_file_id', 'invalid_input_file');
    });
    if (file.purpose === 'batch' && file.source.kind === 'stored') return file.source.parts;
    const message = `Invalid input file ${file.id}: its purpose is '${file.purpose}', expected 'batch'.`;
    throw openAiRefusal(message, 'input_file_id', 'invalid_file_purpose');
  }

  async function create(
    kind: BatchKind,
    id: string,
    batch: NewBatch,
    input: Pick<BatchRecord, 'input' | 'inputFileId' | 'status' | 'total'>,
  ): Promise<FoundBatch> {
    const { caller, windowMs, idempotencyKey: _, ...rest } = batch;
    const createdAtMs = clock.nowMs();
    const hasBegun = input.status === 'in_progress';
    const record: BatchRecord = {
      id,
      tenant: caller.tenant,
      kind,
      ...input,
      endpoint: rest.endpoint,
      completionWindow: rest.completionWindow,
      metadata: rest.metadata,
      options: rest.options,
      outputLifeMs: Math.min(rest.outputLifeMs, mostFileLifeMs ?? Number.POSITIVE_INFINITY),
      monthlyBudgetMicroUsd: caller.monthlyBudgetMicroUsd,
      createdAtMs,
      expiresAtMs: createdAtMs + Math.min(windowMs, MAX_COMPLETION_WINDOW_MS),
      at: { ...NO_INSTANTS, inProgress: hasBegun ? createdAtMs : null },
      errors: [],
      warnings: [],
      progress: {
        phase: hasBegun ? 'accepting' : 'checking',
        number: 1,
        offset: 0,
        lines: input.total,
        accepted: 0,
        load: {},
        digests: null,
      },
      refused: { count: 0, cancelled: 0, parts: [], index: [] },
      outputFileId: uniqueId('file-'),
      hasOutput: false,
      errorFileId: uniqueId('file-'),
      hasErrors: false,
      tally: null,
      outcome: null,
      isTold: false,
      lease: null,
      version: 1,
    };
    if (!(await batches.create(record))) return find(caller.tenant, kind, id);
    await bell.ring([record]);
    return { batch: record, counts: null };
  }

  async function find(tenant: string, kind: BatchKind, id: string): Promise<FoundBatch> {
    const batch = await batches.get(tenant, id);
    if (batch === null || batch.kind !== kind) throw unknownBatch(kind, id);
    return standing(batch);
  }

  /** How its requests stand; who looks after them is told when they have ended. */
  async function standing(batch: BatchRecord): Promise<FoundBatch> {
    if (hasEnded(batch.status) || batch.total === 0) return { batch, counts: null };
    const counts = await requests.counts(batch.tenant, batch.id);
    const shown = await showFiles(batch, counts);
    const isOver = counts.queued + counts.running === 0 && batch.progress.phase === 'done';
    if (isOver) await bell.ring([batch]);
    return { batch: shown, counts };
  }

  return {
    async fromFile(batch, inputFileId) {
      const { tenant } = batch.caller;
      const check = () => findInput(tenant, inputFileId);
      const { id, known } = await claim('openai', batch, inputFileId, check);
      if (known !== null) return standing(known);
      const input = await check();
      return create('openai', id, batch, { input, inputFileId, status: 'validating', total: 0 });
    },
    async fromLines(batch, lines, count, fingerprint) {
      const { tenant } = batch.caller;
      const { id, known } = await claim('anthropic', batch, fingerprint, async () => {});
      if (known !== null) return standing(known);
      const blob = `${id}-input`;
      await contents.put(tenant, blob, lines);
      return create('anthropic', id, batch, {
        input: [{ blob, bytes: lines.length }],
        inputFileId: null,
        status: 'in_progress',
        total: count,
      });
    },
    get: find,
    async list(filter) {
      const { items, hasMore } = await batches.list(filter);
      // Message batches show no counts before their end, and a page of them may be a thousand long.
      if (filter.kind === 'anthropic') {
        return { items: items.map((batch) => ({ batch, counts: null })), hasMore };
      }
      return { items: await Promise.all(items.map(standing)), hasMore };
    },
    async cancel(tenant, kind, id) {
      const { batch } = await find(tenant, kind, id);
      const changed = await changeBatch(batches, batch, ({ status, at }) =>
        mayBecome(status, 'cancelling')
          ? { status: 'cancelling', at: { ...at, cancelling: clock.nowMs() } }
          : null,
      );
      const now = changed ?? (await find(tenant, kind, id)).batch;
      if (changed === null && now.status !== 'cancelling') {
        const message = `Cannot cancel a batch with status '${now.status}'.`;
        throw openAiRefusal(message, null, 'batch_not_cancellable', 'not_cancellable');
      }
      await bell.ring([now]);
      return standing(now);
    },
    async delete(tenant, kind, id) {
      const { batch } = await find(tenant, kind, id);
      if (!hasEnded(batch.status)) {
        const message = `Message batch ${id} has not ended. Cancel it first, and delete it once it has.`;
        throw new AppError('invalid_request', message);
      }
      const refused = await refusedParts(contents, batch);
      await contents.discard(tenant, [
        resultsBlobOf(id),
        ...batch.input.map(({ blob }) => blob),
        ...[...refused, ...batch.refused.index].map(({ blob }) => blob),
      ]);
      await batches.delete(tenant, id);
    },
  };
}

/** The same words for a batch of another tenant and one that never was. */
function unknownBatch(kind: BatchKind, id: string): AppError {
  const shown = id.slice(0, 80);
  const message =
    kind === 'openai' ? `No batch found with id '${shown}'.` : `Message batch ${shown} not found`;
  return openAiRefusal(message, 'id', 'not_found', 'not_found');
}
