/** From a job's intent to a batch of its provider: each step is written down before the next is taken. */

import { markOpening, type SharedOpening } from '../../domain/caching/shared-opening.ts';
import { AppError, ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import { nativeRowId } from '../../domain/native/native-batch.ts';
import { MOST_HALVINGS } from '../../domain/native/native-batch-remedy.ts';
import { isOpenJob, type NativeJob, pollDelayMs, sizeOf } from '../../domain/native/native-job.ts';
import type {
  NativeBatchFailure,
  NativeBatchInput,
  NativeBatchProvider,
  NativeBatchRow,
} from '../../ports/native-batch-provider.ts';
import { decodeBody } from '../dispatch/attempt.ts';
import { sightOf } from './batch-sight.ts';
import type { HeldJob } from './held-job.ts';
import { type ManifestRows, readManifest, writeManifest } from './manifest.ts';
import type { NativeDeps, TickReport, TickTerms } from './native-deps.ts';
import { rowsNamed } from './rows-named.ts';

/** Rows belong to their job until the results are gone from any provider. Unit: ms. */
export const HOLD_MS = 31 * 86_400_000;
/** An answer to a create that did not come is looked for after this. Unit: ms. */
const LOOK_AFTER_MS = 30_000;
/** A tick that stood still for so long between its word and the deed must not do it. Unit: ms. */
const STALE_MS = 60_000;
/** Another job of the provider is being created; Anthropic's batches bear no name. Unit: ms. */
const TURN_MS = 5_000;
/** Rows that could not be sent within so long go in halves: another try would take as long. Unit: ms. */
const SLOW_MS = 120_000;
const ROWS_PER_READ = 500;
/** Rows whose leases are made long together. */
const ROWS_PER_HOLD = 5_000;

/** `intent` to `ready`: rows that somebody else has by now, or that have ended, are left out. */
export async function holdRows(deps: NativeDeps, held: HeldJob): Promise<void> {
  const { work, clock, payloads } = deps;
  const { manifest } = held.facts;
  const rows = await readManifest(payloads, manifest);
  const untilMs = clock.nowMs() + HOLD_MS;
  const dropped = new Set<number>();
  for (let start = 0; start < rows.length; start += ROWS_PER_HOLD) {
    const page = rows.slice(start, start + ROWS_PER_HOLD);
    const stillHeld = await rowsNamed(page, (group) => work.extend(group, untilMs));
    const ended = await rowsNamed([...stillHeld], (group) => work.withdrawn(group));
    for (const [at, row] of page.entries()) {
      if (!stillHeld.has(row) || ended.has(row)) dropped.add(start + at);
    }
  }
  if (dropped.size === 0) {
    await held.enter('ready');
  } else if (dropped.size === rows.length) {
    await held.enter('settled', { note: 'nobody waits for its rows, or others hold them' });
  } else {
    const kept = [...rows].filter((_, at) => !dropped.has(at));
    await held.enter('ready', {
      manifest: await writeManifest(payloads, kept),
      ...sizeOf(kept),
    });
  }
}

/** Between two looks at a stub; it has a single row of each opening. Unit: ms. */
const LONGEST_STUB_WAIT_MS = 30_000;

/** `ready`, and not yet: the openings of its rows are still being written to the provider's cache. */
async function waitsForStub(
  { jobs, clock }: NativeDeps,
  { facts: { priming, createdAtMs } }: HeldJob,
): Promise<number | null> {
  const nowMs = clock.nowMs();
  if (priming === null || priming.stub === null || nowMs >= priming.untilMs) return null;
  const stub = await jobs.get(priming.stub);
  if (stub === null || stub.endedAtMs !== null || !isOpenJob(stub)) return null;
  const delayMs = Math.min(LONGEST_STUB_WAIT_MS, pollDelayMs(nowMs - createdAtMs, null, null));
  return Math.min(nowMs + delayMs, priming.untilMs);
}

/** `ready` to `uploaded`, once what its rows share is in the provider's cache. */
export async function uploadRows(
  deps: NativeDeps,
  held: HeldJob,
  provider: NativeBatchProvider,
  { signal }: TickTerms,
  report: TickReport,
): Promise<void> {
  const waitsUntilMs = await waitsForStub(deps, held);
  if (waitsUntilMs !== null) {
    await held.rest(waitsUntilMs, { note: 'one of its rows is run ahead, to fill the cache' });
    return;
  }
  const beganAtMs = deps.clock.nowMs();
  const uploaded = await provider.upload(await inputOf(deps, held.facts), signal);
  const tookMs = deps.clock.nowMs() - beganAtMs;
  if (uploaded.kind === 'done') await recordFile(held, provider, uploaded.value, signal);
  else if (isTooSlow(uploaded, held.facts, tookMs)) await refuse(deps, held, tooSlow(uploaded));
  else if (isFinal(uploaded)) await refuse(deps, held, uploaded);
  else await held.restAfter(uploaded, report);
}

async function recordFile(
  held: HeldJob,
  provider: NativeBatchProvider,
  fileId: string | null,
  signal: AbortSignal,
): Promise<void> {
  try {
    await held.record('uploaded', { fileId });
  } catch (error) {
    // The job went on without it, and nobody else knows its name.
    const isOverdue = error instanceof AppError && error.code === 'lease_lost';
    if (isOverdue && fileId !== null) await provider.deleteFiles([fileId], signal);
    throw error;
  }
}

/** `uploaded` by way of `trying` to `submitted`. */
export async function createBatch(
  deps: NativeDeps,
  held: HeldJob,
  provider: NativeBatchProvider,
  { signal }: TickTerms,
  report: TickReport,
): Promise<void> {
  const { clock } = deps;
  if (held.facts.fileId === null && (await isTurnTaken(deps, held.facts))) {
    await held.rest(clock.nowMs() + TURN_MS);
    return;
  }
  const input = await inputOf(deps, held.facts);
  const isFirst = held.facts.tryingSinceMs === null;
  const tryingSinceMs = clock.nowMs();
  await held.enter('trying', { tryingSinceMs, suspects: [], strangers: [] });
  if (clock.nowMs() - tryingSinceMs > STALE_MS) {
    await held.enter('uploaded');
    return;
  }
  const created = await provider.create(input, held.facts.fileId, signal);
  if (created.kind === 'done') {
    const view = created.value;
    const nowMs = clock.nowMs();
    report.submitted += 1;
    const made = {
      batchId: view.id,
      submittedAtMs: nowMs,
      expiresAtMs: view.expiresAtMs,
      seen: sightOf(view),
      note: null,
    };
    await held.record('submitted', made, nowMs + pollDelayMs(0, null, view.retryAfterMs));
  } else if (created.isAmbiguous) {
    await held.rest(clock.nowMs() + LOOK_AFTER_MS, { note: `${created.code}: ${created.message}` });
  } else if (isTooSlow(created, held.facts, clock.nowMs() - tryingSinceMs)) {
    await refuse(deps, held, tooSlow(created));
  } else if (created.code === 'not_found' && held.facts.fileId !== null && isFirst) {
    // Its file is gone, expired or deleted while it waited: once more from there.
    await held.restAfter(created, report, 'ready', { fileId: null });
  } else if (isFinal(created)) {
    await refuse(deps, held, created);
  } else {
    await held.restAfter(created, report, 'uploaded');
  }
}

/** Ends the job without a batch. */
async function refuse(
  { clock, telemetry }: NativeDeps,
  held: HeldJob,
  { code, message, faults }: NativeBatchFailure,
): Promise<void> {
  const { id, provider } = held.facts;
  telemetry.log('warn', 'A batch was refused', { job: id, provider, code });
  await held.enter('ended', {
    end: 'refused',
    endedAtMs: clock.nowMs(),
    faults: faults.length > 0 ? faults : [{ code, message, line: null }],
    note: `${code}: ${message}`,
  });
}

function isFinal({ code, isAmbiguous }: NativeBatchFailure): boolean {
  return ERROR_DISPOSITIONS[code] === 'give_up' && !isAmbiguous;
}

/** Whether sending the rows was cut off after so long that a smaller job is the better try. */
function isTooSlow(
  { code, isAmbiguous }: NativeBatchFailure,
  { rowCount, halvings }: NativeJob,
  tookMs: number,
): boolean {
  const isCut = code === 'provider_timeout' && tookMs >= SLOW_MS && !isAmbiguous;
  return isCut && rowCount > 1 && halvings < MOST_HALVINGS;
}

function tooSlow(failure: NativeBatchFailure): NativeBatchFailure {
  const message = `The rows could not be sent in time, and go in halves: ${failure.message}`;
  return { ...failure, code: 'payload_too_large', message };
}

async function isTurnTaken({ jobs }: NativeDeps, { id, provider }: NativeJob): Promise<boolean> {
  const others = await jobs.open();
  return others.some((job) => job.id !== id && job.provider === provider && job.phase === 'trying');
}

/** The batch as its provider is asked for it. Bodies are read as they are sent. */
async function inputOf(deps: NativeDeps, job: NativeJob): Promise<NativeBatchInput> {
  const rows = await readManifest(deps.payloads, job.manifest);
  const openings = job.priming?.openings ?? [];
  return {
    jobId: job.id,
    endpoint: job.endpoint,
    model: deps.models.get(job.model)?.providerModel ?? job.model,
    rowCount: rows.length,
    rows: () => readRows(deps, job.id, rows, openings),
  };
}

async function* readRows(
  { payloads }: NativeDeps,
  jobId: string,
  rows: ManifestRows,
  openings: readonly SharedOpening[],
): AsyncGenerator<NativeBatchRow> {
  for (let start = 0; start < rows.length; start += ROWS_PER_READ) {
    const pointers = rows.slice(start, start + ROWS_PER_READ).map(({ body }) => body);
    const bodies = await payloads.read(pointers);
    for (const [at, payload] of bodies.entries()) {
      yield {
        rowId: nativeRowId(jobId, start + at),
        body: markOpening(decodeBody(payload), openings),
      };
    }
  }
}
