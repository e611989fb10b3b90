/** From a job's intent to a batch of its provider: each step is written down before the next is taken. */

import { ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import { nativeRowId } from '../../domain/native-batch.ts';
import { type NativeJob, pollDelayMs, sizeOf } from '../../domain/native-job.ts';
import type { PayloadPointer } from '../../domain/request.ts';
import type {
  NativeBatchFailure,
  NativeBatchInput,
  NativeBatchProvider,
  NativeBatchRow,
} from '../../ports/native-batch-provider.ts';
import { decodeBody } from '../dispatch/attempt.ts';
import { sightOf } from './batch-sight.ts';
import type { HeldJob } from './held-job.ts';
import { type ManifestRow, readManifest, writeManifest } from './manifest.ts';
import type { NativeDeps, TickReport, TickTerms } from './native-deps.ts';

/** Rows belong to their job until the results are gone from any provider. Unit: ms. */
export const HOLD_MS = 31 * 86_400_000;
/** An answer to a create that did not come is looked for after this. Unit: ms. */
const LOOK_AFTER_MS = 30_000;
/** A tick that stood still for so long between its word and the deed must not do it. Unit: ms. */
const STALE_MS = 60_000;
/** Another job of the provider is being created; Anthropic's batches bear no name. Unit: ms. */
const TURN_MS = 5_000;
const ROWS_PER_READ = 500;

/** `intent` to `ready`: rows that somebody else has by now are left to him. */
export async function holdRows(deps: NativeDeps, held: HeldJob): Promise<void> {
  const { work, clock, payloads } = deps;
  const { manifest } = held.facts;
  const rows = await readManifest(payloads, manifest);
  const heldIds = new Set(await work.extend(rows, clock.nowMs() + HOLD_MS));
  const kept = rows.filter(({ id }) => heldIds.has(id));
  if (kept.length === rows.length) {
    await held.enter('ready');
  } else if (kept.length === 0) {
    await held.enter('settled', { note: 'others hold all of its rows' });
  } else {
    await held.enter('ready', {
      manifest: await writeManifest(payloads, kept),
      ...sizeOf(kept),
    });
  }
}

/** `ready` to `uploaded`. */
export async function uploadRows(
  deps: NativeDeps,
  held: HeldJob,
  provider: NativeBatchProvider,
  { signal }: TickTerms,
  report: TickReport,
): Promise<void> {
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
  return {
    jobId: job.id,
    endpoint: job.endpoint,
    model: deps.models.get(job.model)?.providerModel ?? job.model,
    rowCount: rows.length,
    rows: () => readRows(deps, job.id, rows),
  };
}

async function* readRows(
  { payloads }: NativeDeps,
  jobId: string,
  rows: readonly ManifestRow[],
): AsyncGenerator<NativeBatchRow> {
  for (let start = 0; start < rows.length; start += ROWS_PER_READ) {
    const pointers: PayloadPointer[] = rows
      .slice(start, start + ROWS_PER_READ)
      .map(({ body }) => body);
    const bodies = await payloads.read(pointers);
    for (const [at, payload] of bodies.entries()) {
      yield { rowId: nativeRowId(jobId, start + at), body: decodeBody(payload) };
    }
  }
}
