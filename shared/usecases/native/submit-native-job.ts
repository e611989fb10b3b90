/** From a job's intent to a batch of its provider: each step is written down before the next is taken. */

import { markOpening, type SharedOpening } from '../../domain/caching/shared-opening.ts';
import { ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import { nativeRowId } from '../../domain/native/native-batch.ts';
import { type NativeJob, pollDelayMs, sizeOf } from '../../domain/native/native-job.ts';
import type { PayloadPointer } from '../../domain/requests/request.ts';
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
const ROWS_PER_READ = 500;

/** `intent` to `ready`: rows that somebody else has by now, or that have ended, are left out. */
export async function holdRows(deps: NativeDeps, held: HeldJob): Promise<void> {
  const { work, clock, payloads } = deps;
  const { manifest } = held.facts;
  const rows = [...(await readManifest(payloads, manifest))];
  const untilMs = clock.nowMs() + HOLD_MS;
  const stillHeld = await rowsNamed(rows, (group) => work.extend(group, untilMs));
  const ended = await rowsNamed([...stillHeld], (group) => work.withdrawn(group));
  const kept = rows.filter((row) => stillHeld.has(row) && !ended.has(row));
  if (kept.length === rows.length) {
    await held.enter('ready');
  } else if (kept.length === 0) {
    await held.enter('settled', { note: 'nobody waits for its rows, or others hold them' });
  } else {
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
  if (stub === null || stub.endedAtMs !== null) return null;
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
  const uploaded = await provider.upload(await inputOf(deps, held.facts), signal);
  if (uploaded.kind === 'done') await held.enter('uploaded', { fileId: uploaded.value });
  else if (isFinal(uploaded)) await refuse(deps, held, uploaded);
  else await held.restAfter(uploaded, report);
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
    await held.restIn('submitted', nowMs + pollDelayMs(0, null, view.retryAfterMs), {
      batchId: view.id,
      submittedAtMs: nowMs,
      expiresAtMs: view.expiresAtMs,
      seen: sightOf(view),
      note: null,
    });
  } else if (created.isAmbiguous) {
    await held.rest(clock.nowMs() + LOOK_AFTER_MS, { note: `${created.code}: ${created.message}` });
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

async function isTurnTaken({ jobs }: NativeDeps, { id, provider }: NativeJob): Promise<boolean> {
  const others = await jobs.unfinished();
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
    const pointers: PayloadPointer[] = [];
    for (let at = start; at < Math.min(rows.length, start + ROWS_PER_READ); at += 1) {
      const row = rows.at(at);
      if (row !== undefined) pointers.push(row.body);
    }
    const bodies = await payloads.read(pointers);
    for (const [at, payload] of bodies.entries()) {
      yield {
        rowId: nativeRowId(jobId, start + at),
        body: markOpening(decodeBody(payload), openings),
      };
    }
  }
}
