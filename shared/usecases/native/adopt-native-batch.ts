/** Finds the batch of a job whose create was sent, or may have been, by a process that died. */

import { ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import { type NativeBatchView, readNativeRowId } from '../../domain/native/native-batch.ts';
import { type NativeJob, pollDelayMs, watchOver } from '../../domain/native/native-job.ts';
import type { NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import { sightOf } from './batch-sight.ts';
import type { HeldJob } from './held-job.ts';
import { loseBatch } from './lose-batch.ts';
import type { NativeDeps, TickReport, TickTerms } from './native-deps.ts';

/**
 * No batch is created again before it would have appeared: twice the longest time that lists lag
 * behind, from when the create can have been done. Unit: ms.
 */
const APPEARANCE_MS = 600_000;
/** A create takes a minute at most, and where the rows travel with it as long as they take. Unit: ms. */
const LONGEST_CREATE_MS = 60_000;
const LONGEST_SENDING_MS = 600_000;
/** How far a provider's clock may be from ours. Unit: ms. */
const SKEW_MS = 60_000;
/** Between two looks at the list. Unit: ms. */
const LOOK_AGAIN_MS = 30_000;

/**
 * `trying` to `submitted` when the batch is found, to `uploaded` once it is sure that there is
 * none. A batch that bears our mark, or our file, is ours. Where a provider keeps neither, one of
 * as many rows created at that time is a suspect; when it has ended its rows tell. Two days later no
 * batch of then is still worth the wait, whatever the list says, or does not say.
 */
export async function adoptBatch(
  deps: NativeDeps,
  held: HeldJob,
  provider: NativeBatchProvider,
  { signal }: TickTerms,
  report: TickReport,
): Promise<void> {
  const job = held.facts;
  const sinceMs = job.tryingSinceMs ?? job.createdAtMs;
  const isHopeless = watchOver({ ...job, submittedAtMs: sinceMs }, deps.clock.nowMs()) === 'lost';
  const views: NativeBatchView[] = [];
  for await (const page of provider.list(sinceMs - SKEW_MS, signal)) {
    if (page.kind === 'failed') {
      const isStop = ERROR_DISPOSITIONS[page.code] === 'stop_provider';
      if (isHopeless && !isStop) await loseBatch(deps, held, report);
      else await held.restAfter(page, report);
      return;
    }
    views.push(...page.value);
  }
  const marked = views.find((view) => isMarked(view, job));
  if (marked !== undefined) {
    await submitted(deps, held, marked, report);
    return;
  }
  const nowMs = deps.clock.nowMs();
  const appearsByMs = appearsBy(job, sinceMs);
  const strangers = new Set(job.strangers);
  const suspects: string[] = [];
  for (const view of await candidates(deps, job, views, appearsByMs)) {
    if (strangers.has(view.id)) continue;
    const isOurs = view.end === null ? null : await holdsOurRows(deps, job, provider, view, signal);
    if (isOurs === true) {
      await submitted(deps, held, view, report);
      return;
    }
    if (isOurs === null) suspects.push(view.id);
    else strangers.add(view.id);
  }
  const found = { suspects, strangers: [...strangers] };
  if (suspects.length > 0 && isHopeless) {
    await loseBatch(deps, held, report);
  } else if (suspects.length > 0) {
    await held.rest(
      nowMs + pollDelayMs(Math.max(LOOK_AGAIN_MS, nowMs - sinceMs), null, null),
      found,
    );
  } else if (nowMs < appearsByMs) {
    await held.rest(Math.min(nowMs + LOOK_AGAIN_MS, appearsByMs), found);
  } else {
    await held.enter('uploaded', found);
  }
}

function appearsBy({ fileId }: NativeJob, sinceMs: number): number {
  return sinceMs + (fileId === null ? LONGEST_SENDING_MS : LONGEST_CREATE_MS) + APPEARANCE_MS;
}

function isMarked({ jobId, inputFileId }: NativeBatchView, job: NativeJob): boolean {
  return jobId === job.id || (job.fileId !== null && inputFileId === job.fileId);
}

/** Batches that may be ours, where a provider keeps no mark. */
async function candidates(
  { jobs }: NativeDeps,
  job: NativeJob,
  views: readonly NativeBatchView[],
  appearsByMs: number,
): Promise<NativeBatchView[]> {
  if (job.fileId !== null) return [];
  const known = new Set((await jobs.unfinished()).flatMap(({ batchId }) => batchId ?? []));
  return views.filter(
    ({ id, jobId, counts, createdAtMs }) =>
      jobId === null &&
      !known.has(id) &&
      createdAtMs <= appearsByMs &&
      (counts === null || counts.total === 0 || counts.total === job.rowCount),
  );
}

/** `null` while it cannot be told. */
async function holdsOurRows(
  deps: NativeDeps,
  job: NativeJob,
  provider: NativeBatchProvider,
  { id, outputs }: NativeBatchView,
  signal: AbortSignal,
): Promise<boolean | null> {
  const model = deps.models.get(job.model)?.providerModel ?? job.model;
  for (const output of outputs) {
    const query = { output, endpoint: job.endpoint, model, fromRow: 0 };
    for await (const row of provider.rows(query, signal)) {
      if ('faults' in row) {
        deps.telemetry.log('warn', 'A batch that may be ours cannot be read', { job: job.id, id });
        if (ERROR_DISPOSITIONS[row.code] !== 'give_up') return null;
        break;
      }
      if (row.kind === 'unreadable') continue;
      return readNativeRowId(row.rowId)?.jobNonce === job.id;
    }
  }
  return false;
}

async function submitted(
  { clock }: NativeDeps,
  held: HeldJob,
  view: NativeBatchView,
  report: TickReport,
): Promise<void> {
  report.submitted += 1;
  await held.enter('submitted', {
    batchId: view.id,
    submittedAtMs: held.facts.tryingSinceMs ?? clock.nowMs(),
    expiresAtMs: view.expiresAtMs,
    seen: sightOf(view),
    suspects: [],
    note: null,
  });
}
