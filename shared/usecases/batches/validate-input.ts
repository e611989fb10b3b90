/** Reads a batch's input twice: first all of it is checked, then all of it becomes requests. */

import { statusOf } from '../../contracts/problem.ts';
import { encodeRefusedRow, type RefusedRow } from '../../contracts/refused-rows.ts';
import type {
  BatchFault,
  BatchProgress,
  BatchRecord,
  BatchWarning,
} from '../../domain/batches/batch.ts';
import { explainUnreachable } from '../../domain/batches/window-reach.ts';
import { AppError } from '../../domain/errors.ts';
import { DigestTable } from '../../domain/json/digest-table.ts';
import { sha256Bytes } from '../../domain/json/digests.ts';
import type { InputLine } from '../../domain/json/line-splitter.ts';
import type { BatchStore } from '../../ports/batch-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import type { RequestStore } from '../../ports/request-store.ts';
import { readWhole } from '../files/read-content.ts';
import type { Planner } from '../planning/planner.ts';
import type { ModelDirectory, Submission, SubmitRequests } from '../submit-requests.ts';
import { changeBatch } from './batch-changes.ts';
import { checkLine } from './check-line.ts';
import { chunksOf, type LineChunk, readLines } from './read-lines.ts';
import { withRefusedPart } from './refused-parts.ts';

export interface ValidateInputDeps {
  readonly batches: BatchStore;
  readonly contents: FileContents;
  readonly models: ModelDirectory;
  readonly planner: Pick<Planner, 'outlook' | 'drainMs'>;
  readonly requests: RequestStore;
  readonly submitRequests: SubmitRequests;
  readonly clock: Clock;
}

/** `false`: not finished, and to be gone on with from the checkpoint. */
export type ReadInput = (batch: BatchRecord, owner: string, deadlineMs: number) => Promise<boolean>;

/** How long whoever reads a batch's input may be silent before another one does. Unit: ms. */
export const LEASE_MS = 90_000;
/** Between two checkpoints of checking. Unit: ms. */
const CHECKPOINT_MS = 15_000;
const MOST_FAULTS = 100;
/** A rough guess at what a line costs. Unit: bytes. */
const BYTES_PER_TOKEN = 4;
const DIGEST_BYTES = 16;

/** Checks every line. The batch fails, with nothing sent, or begins. */
export function createCheckInput(deps: ValidateInputDeps): ReadInput {
  const { batches, contents, models, planner, clock } = deps;
  return async (batch, owner, deadlineMs) => {
    const { tenant, input, progress } = batch;
    const { digests } = progress;
    const seen =
      digests === null
        ? new DigestTable()
        : DigestTable.fromBytes(await readWhole(contents, tenant, [digests]));
    const faults: BatchFault[] = [...batch.errors];
    const load = new Map(Object.entries(progress.load));
    let { lines } = progress;
    let savedAtMs = clock.nowMs();
    const groups = readLines(contents, tenant, input, progress);
    try {
      for await (const group of groups) {
        for (const line of group) {
          lines += 1;
          const fault = judge(line);
          if (fault !== null && faults.length < MOST_FAULTS) faults.push(fault);
        }
        const nowMs = clock.nowMs();
        const isLate = nowMs >= deadlineMs;
        if (!isLate && nowMs - savedAtMs < CHECKPOINT_MS) continue;
        savedAtMs = nowMs;
        const last = group.at(-1);
        if (last === undefined) continue;
        if (!(await checkpoint(last, isLate))) return true;
        if (isLate) return false;
      }
    } catch (error) {
      if (!isGone(error)) throw error;
      faults.push(inputLost(error.message));
    }
    if (lines === 0 && faults.length === 0) {
      const message =
        'The input file is empty. Please ensure that the batch contains at least one request.';
      faults.push({ code: 'empty_file', message, param: null, line: null });
    }
    const warnings = faults.length > 0 ? [] : await judgeWindow();
    if (batch.options.isStrict) {
      faults.push(
        ...warnings.map((warning) => ({ ...warning, param: 'completion_window', line: null })),
      );
    }
    await changeBatch(batches, batch, (record) => {
      if (record.lease?.owner !== owner || record.status !== 'validating') return null;
      const nowMs = clock.nowMs();
      const at = { ...record.at };
      if (faults.length > 0) {
        return { status: 'failed', errors: faults, at: { ...at, failed: nowMs }, lease: null };
      }
      return {
        status: 'in_progress',
        total: lines,
        warnings,
        at: { ...at, inProgress: nowMs },
        progress: {
          ...record.progress,
          phase: 'accepting',
          number: 1,
          offset: 0,
          digests: null,
          lines,
          load: {},
        },
        lease: { owner, untilMs: nowMs + LEASE_MS },
      };
    });
    if (digests !== null) await contents.discard(tenant, [digests.blob]);
    return true;

    function judge(line: InputLine): BatchFault | null {
      const checked = checkLine(line, batch, models);
      if (checked.kind === 'bad') {
        if (batch.options.skipsBadLines) return null;
        const { code, message, param } = checked;
        return { code, message, param, line: line.number };
      }
      const digest = sha256Bytes(checked.customId).subarray(0, DIGEST_BYTES);
      const first = seen.putIfAbsent(digest, line.number);
      if (first !== null && first !== line.number) {
        const message = `The custom_id for this request is a duplicate of another request (line ${first}). Please ensure that every custom_id is unique.`;
        return { code: 'duplicate_custom_id', message, param: 'custom_id', line: line.number };
      }
      const name = models.get(checked.model)?.name ?? checked.model;
      const { requests, tokens } = load.get(name) ?? { requests: 0, tokens: 0 };
      load.set(name, {
        requests: requests + 1,
        tokens: tokens + Math.ceil(line.length / BYTES_PER_TOKEN),
      });
      return null;
    }

    async function judgeWindow(): Promise<BatchWarning[]> {
      const warnings: BatchWarning[] = [];
      for (const [name, { requests, tokens }] of load) {
        const outlook = await planner.outlook(name);
        const offered = models.get(name)?.lanes;
        if (outlook === null || offered === undefined) continue;
        const question = {
          model: name,
          requests,
          window: batch.completionWindow,
          leftMs: batch.expiresAtMs - clock.nowMs(),
          wanted: batch.options.lane,
          offered,
          // Answers are left out: nobody knows how long they get, and this is to refuse nothing wrongly.
          drainMs: await planner.drainMs(name, {
            requests,
            inputTokens: tokens,
            maxOutputTokens: 0,
          }),
        };
        const message = explainUnreachable(question, outlook);
        if (message !== null) warnings.push({ code: 'completion_window_unreachable', message });
      }
      return warnings;
    }

    /** `false` when the batch is not ours to check any more. */
    async function checkpoint(last: InputLine, isLate: boolean): Promise<boolean> {
      let saved: BatchProgress['digests'] = null;
      if (isLate) {
        const table = seen.toBytes();
        saved = { blob: `${batch.id}-digests`, bytes: table.length };
        await contents.put(tenant, saved.blob, table);
      }
      const stands = await changeBatch(batches, batch, (record) => {
        if (record.lease?.owner !== owner || record.status !== 'validating') return null;
        if (!isLate) return { lease: { owner, untilMs: clock.nowMs() + LEASE_MS } };
        // The last line is read again: where the one after it begins, only its bytes say.
        return {
          errors: faults.filter(({ line }) => line !== last.number),
          progress: {
            phase: 'checking',
            number: last.number,
            offset: last.offset,
            lines: lines - 1,
            accepted: 0,
            load: Object.fromEntries(load),
            digests: saved,
          },
          lease: null,
        };
      });
      return stands !== null;
    }
  };
}

/** Makes requests of all lines; a line that can be none is answered in the error file. */
export function createAcceptInput(deps: ValidateInputDeps): ReadInput {
  const { batches, contents, models, requests, submitRequests, clock } = deps;
  return async (batch, owner, deadlineMs) => {
    try {
      return await accept(batch, owner, deadlineMs);
    } catch (error) {
      if (!isGone(error)) throw error;
      await giveUp(batch, owner, error);
      return true;
    }
  };

  async function accept(batch: BatchRecord, owner: string, deadlineMs: number): Promise<boolean> {
    const { tenant, id, input, progress } = batch;
    let current = batch;
    let place = { number: progress.number, offset: progress.offset };
    let isDropped = batch.status === 'cancelling' && !(await wasCutOff(batch));
    for await (const chunk of chunksOf(readLines(contents, tenant, input, place))) {
      const rows = await acceptChunk(current, chunk, { offset: place.offset, isDropped });
      const kept = await keepRefused(current, rows, place.offset);
      const isLate = clock.nowMs() >= deadlineMs;
      const { next } = chunk;
      const saved = await changeBatch(batches, batch, (record) => {
        if (!isReadBy(record, owner)) return null;
        const { refused } = record;
        const accepted = record.progress.accepted + chunk.lines.length - rows.length;
        return {
          progress:
            next === null
              ? { ...record.progress, accepted, phase: 'done' }
              : { ...record.progress, accepted, ...next },
          refused:
            kept === null
              ? refused
              : {
                  ...kept,
                  count: refused.count + rows.length,
                  cancelled:
                    refused.cancelled + rows.filter(({ kind }) => kind === 'cancelled').length,
                },
          lease: next === null || isLate ? null : { owner, untilMs: clock.nowMs() + LEASE_MS },
        };
      });
      if (saved === null || next === null) return true;
      if (isLate) return false;
      current = saved;
      isDropped = saved.status === 'cancelling';
      place = next;
    }
    return true;

    async function keepRefused(reached: BatchRecord, rows: readonly RefusedRow[], offset: number) {
      if (rows.length === 0) return null;
      const bytes = Buffer.from(rows.map((row) => `${encodeRefusedRow(row)}\n`).join(''));
      // The same chunk writes the same blob, so that one written before a crash is written over.
      const blob = `${id}-refused-${offset}`;
      await contents.put(tenant, blob, bytes);
      return withRefusedPart(contents, reached, { blob, bytes: bytes.length });
    }
  }

  /**
   * Whether whoever read before died between making requests of a chunk and noting it. Its lines
   * are submitted again, which finds those requests: else each would be answered twice, as a request
   * and as a line the batch was cancelled before.
   */
  async function wasCutOff({ tenant, id, progress }: BatchRecord): Promise<boolean> {
    const { queued, running, succeeded, failed, cancelled, expired } = await requests.counts(
      tenant,
      id,
    );
    return queued + running + succeeded + failed + cancelled + expired > progress.accepted;
  }

  /** The rest of the input is lost: what has begun is ended, and the batch fails by saying so. */
  async function giveUp(batch: BatchRecord, owner: string, { message }: AppError): Promise<void> {
    await changeBatch(batches, batch, (record) => {
      if (!isReadBy(record, owner)) return null;
      const { at, errors, progress, refused, status, total } = record;
      const read = progress.accepted + refused.count;
      const stopped = {
        total: read,
        progress: { ...progress, phase: 'done' as const },
        lease: null,
      };
      // Nobody asks for the rest of a batch that was cancelled.
      if (status === 'cancelling') return stopped;
      const told = `${message} ${read} of ${total} lines had been read by then; those not answered are cancelled.`;
      return {
        ...stopped,
        status: 'cancelling',
        errors: [...errors, inputLost(told)],
        at: { ...at, cancelling: clock.nowMs() },
      };
    });
  }

  async function acceptChunk(
    batch: BatchRecord,
    { lines }: LineChunk,
    { offset, isDropped }: { readonly offset: number; readonly isDropped: boolean },
  ): Promise<RefusedRow[]> {
    const refused: RefusedRow[] = [];
    const good: { submission: Submission; line: number }[] = [];
    for (const line of lines) {
      const checked = checkLine(line, batch, models);
      const named = { line: line.number, customId: checked.customId };
      if (isDropped) refused.push({ ...named, kind: 'cancelled' });
      else if (checked.kind === 'bad') {
        const { code, message, param } = checked;
        refused.push({ ...named, kind: 'refused', status: 400, code, message, param });
      } else if (checked.body['stream'] === true) {
        const message = 'Streaming is not supported in batches.';
        const why = { status: 400, code: 'invalid_request', message, param: 'stream' };
        refused.push({ ...named, kind: 'refused', ...why });
      } else good.push({ submission: toSubmission(batch, checked), line: line.number });
    }
    if (good.length === 0) return refused;
    const { tenant, monthlyBudgetMicroUsd } = batch;
    const outcomes = await submitRequests(
      { tenant, monthlyBudgetMicroUsd },
      good.map(({ submission }) => submission),
      { batchId: batch.id, callKey: `${batch.id}/${offset}`, asOfMs: batch.createdAtMs },
    ).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.disposition !== 'give_up') throw error;
      return good.map(() => ({ kind: 'refused' as const, error }));
    });
    outcomes.forEach((outcome, index) => {
      const entry = good[index];
      if (outcome.kind === 'accepted' || entry === undefined) return;
      const { error } = outcome;
      const { customId } = entry.submission;
      const why = {
        status: statusOf(error),
        code: error.code,
        message: error.message,
        param: null,
      };
      refused.push({ line: entry.line, customId, kind: 'refused', ...why });
    });
    return refused;
  }
}

function isReadBy({ lease, progress }: BatchRecord, owner: string): boolean {
  return lease?.owner === owner && progress.phase === 'accepting';
}

/** Content is gone that was there when the batch was made. */
function isGone(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'not_found';
}

function inputLost(message: string): BatchFault {
  return { code: 'input_file_deleted', message, param: 'input_file_id', line: null };
}

function toSubmission(
  { completionWindow: _, options, createdAtMs, expiresAtMs }: BatchRecord,
  { customId, model, endpoint, body }: Extract<ReturnType<typeof checkLine>, { kind: 'good' }>,
): Submission {
  const { lane, priority, tags } = options;
  const completionWindowMs = expiresAtMs - createdAtMs;
  return {
    idempotencyKey: null,
    customId,
    model,
    endpoint,
    body,
    completionWindowMs,
    lane,
    priority,
    tags,
  };
}
