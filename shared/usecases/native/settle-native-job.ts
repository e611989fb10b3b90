/** Accounts for the rows that no result named, and writes down what became of all. */

import { METRICS } from '../../contracts/metric-names.ts';
import { savedByCache } from '../../domain/caching/cache-priming.ts';
import { DEFAULT_RETRY_POLICY } from '../../domain/capacity/retry-policy.ts';
import { ratesFor } from '../../domain/cost/pricing.ts';
import {
  isTooMuch,
  MOST_HALVINGS,
  type NativeBatchRemedy,
  remedyFor,
} from '../../domain/native/native-batch-remedy.ts';
import { intendJob, type NativeJob, sizeOf } from '../../domain/native/native-job.ts';
import type { HeldJob } from './held-job.ts';
import { type ManifestRow, writeLine, writeManifest } from './manifest.ts';
import type { NativeDeps, TickReport } from './native-deps.ts';
import { planLeft } from './plan-left.ts';
import { encodeRow, publishRows } from './publish-rows.ts';
import { deferralOf, faultContent, type RowLedger } from './reconcile-rows.ts';

const ROWS_PER_GROUP = 500;
/** A provider whose queue was full is asked again after this. Unit: ms. */
const QUEUE_FULL_MS = 600_000;

interface Left {
  readonly index: number;
  readonly row: ManifestRow;
}

/** What a job comes to, for people and for programs. */
export interface ReconciliationReport {
  readonly job: string;
  readonly provider: string;
  readonly model: string;
  readonly batch_id: string | null;
  readonly end: NativeJob['end'];
  readonly rows: number;
  readonly tally: NativeJob['checkpoint']['tally'];
  /** Rows in no output. */
  readonly missing: number;
  /** What was done about those: `sync`, `wait`, `drop_lines`, `bisect`, or nothing. */
  readonly remedy: string | null;
  /** Run by calls while the batch went on; those of them that it answered are billed twice. */
  readonly released: number;
  readonly faults: NativeJob['faults'];
  /** By priming the cache. Unit: micro-dollars. */
  readonly saved_micro_usd: number;
  /** Outputs that could not be read to their end. */
  readonly unread: readonly string[];
  readonly created_at_ms: number;
  readonly submitted_at_ms: number | null;
  readonly ended_at_ms: number | null;
  readonly settled_at_ms: number;
}

/** `ended` to `settled`: afterwards every row has an outcome, waits in a queue, or is in another job. */
export async function settleJob(
  deps: NativeDeps,
  held: HeldJob,
  ledger: RowLedger,
  report: TickReport,
): Promise<void> {
  const { clock, payloads, keepFilesMs, onSettled, telemetry } = deps;
  const left = leftIn(ledger);
  const remedy = left.length === 0 ? null : remedyOf(held.facts);
  if (left.length > 0) await apply(deps, held, ledger, left, remedy);
  const nowMs = clock.nowMs();
  const { id, provider, end } = held.facts;
  const missing = end === 'failed' || end === 'refused' ? 0 : left.length;
  if (missing > 0) {
    telemetry.log('warn', 'Rows are missing from the results of a batch; they are run again', {
      job: id,
      provider,
      missing,
    });
  }
  const savedMicroUsd = savingOf(held.facts, ledger);
  if (savedMicroUsd !== 0) telemetry.count(METRICS.cacheSavedMicroUsd, savedMicroUsd, { provider });
  const settled = { ...held.facts, savedMicroUsd };
  const written = reportOf(settled, left.length, remedy?.kind ?? null, nowMs);
  const pointer = await writeLine(payloads, written);
  const change = { report: pointer, savedMicroUsd };
  if (keepFilesMs > 0) await held.restIn('settled', nowMs + keepFilesMs, change);
  else await held.enter('settled', change);
  report.settled += 1;
  telemetry.log('info', 'A batch is settled', { ...written, faults: written.faults.length });
  await onSettled?.(held.facts);
}

function leftIn({ met, rows }: RowLedger): Left[] {
  const left: Left[] = [];
  for (const [index, isMet] of met.entries()) {
    const row = isMet === 1 ? undefined : rows.at(index);
    if (row !== undefined) left.push({ index, row });
  }
  return left;
}

/** Counted from what the answers say they used. Callers' own marks in such a job count too. */
function savingOf({ priming, checkpoint }: NativeJob, { settings }: RowLedger): number {
  if (priming === null || settings.price === null) return 0;
  return savedByCache([checkpoint.tally], ratesFor(settings.price, 'native', 0));
}

/** `null`: the rows are run by calls. */
function remedyOf({ end, faults, rowCount, cancelWantedAtMs, halvings }: NativeJob) {
  if (cancelWantedAtMs !== null || (end !== 'failed' && end !== 'refused')) return null;
  const remedy = remedyFor(faults, rowCount);
  if (remedy.kind === 'give_up') return null;
  if (end === 'refused' && !isAboutBatch(remedy, faults, rowCount)) return null;
  return remedy.kind === 'bisect' && rowCount > 1 && halvings >= MOST_HALVINGS ? null : remedy;
}

/** Refused before there was a batch: for what all rows have in common, unless it says otherwise. */
function isAboutBatch(
  remedy: NativeBatchRemedy,
  faults: NativeJob['faults'],
  rowCount: number,
): boolean {
  const isFull = remedy.kind === 'wait' && !remedy.isAttempt;
  const isParted = rowCount > 1 && faults.some(isTooMuch);
  return isFull || isParted || faults.some(({ line }) => line !== null);
}

async function apply(
  deps: NativeDeps,
  held: HeldJob,
  ledger: RowLedger,
  left: readonly Left[],
  remedy: NativeBatchRemedy | null,
): Promise<void> {
  switch (remedy?.kind) {
    case 'wait': {
      const added = remedy.isAttempt ? 1 : 0;
      const isSpent = ({ row }: Left): boolean =>
        row.attempts + added >= DEFAULT_RETRY_POLICY.maxAttempts;
      await handBack(deps, left.filter(isSpent), 'sync', 0, 0);
      const again = left.filter((entry) => !isSpent(entry));
      await handBack(deps, again, 'native', QUEUE_FULL_MS, added);
      return;
    }
    case 'drop_lines': {
      const faultOf = new Map(remedy.faults.map((fault) => [(fault.line ?? 0) - 1, fault]));
      await publishFaults(deps, ledger, left, (index) => faultOf.get(index));
      const others = left.filter(({ index }) => !faultOf.has(index));
      // A list of faults may be cut short again and again.
      if (held.facts.halvings < MOST_HALVINGS) await continueIn(deps, held, others, 0);
      else await handBackPlanned(deps, held.facts, others);
      return;
    }
    case 'bisect': {
      if (left.length === 1) {
        await publishFaults(deps, ledger, left, () => remedy.fault);
        return;
      }
      const half = Math.ceil(left.length / 2);
      await continueIn(deps, held, left.slice(0, half), 0);
      await continueIn(deps, held, left.slice(half), 1);
      return;
    }
    default:
      await handBackPlanned(deps, held.facts, left);
  }
}

async function handBackPlanned(
  deps: NativeDeps,
  job: NativeJob,
  left: readonly Left[],
): Promise<void> {
  const rows = left.map(({ row }) => row);
  const routes = await planLeft(deps, job, rows);
  for (const route of ['sync', 'native'] as const) {
    const planned = left.filter((_, at) => routes[at] === route);
    await handBack(deps, planned, route, 0, 0);
  }
}

async function handBack(
  deps: NativeDeps,
  left: readonly Left[],
  route: 'sync' | 'native',
  waitMs: number,
  addedAttempts: number,
): Promise<void> {
  const atMs = deps.clock.nowMs() + waitMs;
  for (const group of groupsOf(left)) {
    const deferrals = group.map(({ row }) => deferralOf(row, atMs, addedAttempts, route));
    await publishRows(deps, [], deferrals);
  }
}

async function publishFaults(
  deps: NativeDeps,
  ledger: RowLedger,
  left: readonly Left[],
  faultOf: (index: number) => { readonly code: string; readonly message: string } | undefined,
): Promise<void> {
  const terms = { ...ledger, nowMs: deps.clock.nowMs() };
  for (const group of groupsOf(left)) {
    const contents = group.flatMap(({ index, row }) => {
      const fault = faultOf(index);
      return fault === undefined ? [] : [encodeRow(faultContent(terms, row, fault))];
    });
    await publishRows(deps, contents, []);
  }
}

/** The rows go again in a job of their own, under the leases they have. */
async function continueIn(
  deps: NativeDeps,
  held: HeldJob,
  left: readonly Left[],
  part: 0 | 1,
): Promise<void> {
  if (left.length === 0) return;
  const { facts } = held;
  const id = `${facts.id}-${part}`;
  if ((await deps.jobs.get(id)) !== null) return;
  const rows = left.map(({ row }) => row);
  const { provider, model, endpoint, leaseOwner, deadlineAtMs, halvings, priming } = facts;
  const job = intendJob(
    {
      ...{ id, provider, model, endpoint, leaseOwner, deadlineAtMs, priming },
      halvings: halvings + 1,
      manifest: await writeManifest(deps.payloads, rows),
      ...sizeOf(rows),
    },
    deps.clock.nowMs(),
  );
  await deps.jobs.create(job);
}

function* groupsOf(left: readonly Left[]): Generator<readonly Left[]> {
  for (let start = 0; start < left.length; start += ROWS_PER_GROUP) {
    yield left.slice(start, start + ROWS_PER_GROUP);
  }
}

function reportOf(
  job: NativeJob,
  missing: number,
  remedy: string | null,
  nowMs: number,
): ReconciliationReport {
  return {
    job: job.id,
    provider: job.provider,
    model: job.model,
    batch_id: job.batchId,
    end: job.end,
    rows: job.rowCount,
    tally: job.checkpoint.tally,
    missing,
    remedy: remedy ?? (missing > 0 ? 'sync' : null),
    released: job.released,
    faults: job.faults,
    saved_micro_usd: job.savedMicroUsd,
    unread: job.checkpoint.faults,
    created_at_ms: job.createdAtMs,
    submitted_at_ms: job.submittedAtMs,
    ended_at_ms: job.endedAtMs,
    settled_at_ms: nowMs,
  };
}
