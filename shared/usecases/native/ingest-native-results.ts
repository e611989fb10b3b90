/** Takes in what a batch has answered, a group of lines at a time, from wherever the last tick got to. */

import { METRICS } from '../../contracts/metric-names.ts';
import { ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import type { NativeRow } from '../../domain/native/native-batch.ts';
import type { NativeCheckpoint, NativeJob, NativeTally } from '../../domain/native/native-job.ts';
import type { NativeBatchFailure, NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import type { Deferral } from '../../ports/request-store.ts';
import type { HeldJob } from './held-job.ts';
import type { ManifestRow } from './manifest.ts';
import type { NativeDeps, TickReport, TickTerms } from './native-deps.ts';
import { planLeft } from './plan-left.ts';
import { type EncodedRow, encodeRow, publishRows } from './publish-rows.ts';
import { deferralOf, markMet, type RowLedger, reconcileRows } from './reconcile-rows.ts';

const LINES_PER_GROUP = 500;
/** Answers held in memory before they are published. Unit: bytes. */
const GROUP_BYTES = 8_000_000;
/** An output that breaks off so often at the same line has no more to give. */
const MOST_STALLS = 5;
const STALL_MS = 30_000;
const LONGEST_STALL_MS = 300_000;
/** Of the provider's trouble with giving an output out at all, at most. Unit: ms. */
const LONGEST_TROUBLE_MS = 86_400_000;
/** Nor longer than this share of the time to the first deadline. */
const TROUBLE_SHARE = 1 / 2;

/**
 * Reads the outputs of an ended batch to their ends; false when the time ran out or an output
 * broke off, and the rest is for a later tick. Lines before the checkpoint are only counted as met.
 */
export async function ingestResults(
  deps: NativeDeps,
  held: HeldJob,
  provider: NativeBatchProvider,
  ledger: RowLedger,
  terms: TickTerms,
  report: TickReport,
): Promise<boolean> {
  const { outputs } = held.facts;
  for (const output of outputs.keys()) {
    const isRead = await ingestOutput(deps, held, provider, ledger, output, terms, report);
    if (!isRead) return false;
  }
  return true;
}

async function ingestOutput(
  deps: NativeDeps,
  held: HeldJob,
  provider: NativeBatchProvider,
  ledger: RowLedger,
  output: number,
  terms: TickTerms,
  report: TickReport,
): Promise<boolean> {
  const { clock } = deps;
  const { signal } = terms;
  const { endpoint, outputs, model } = held.facts;
  const query = {
    output: outputs[output] ?? '',
    endpoint,
    model: deps.models.get(model)?.providerModel ?? model,
    fromRow: 0,
  };
  const start = held.facts.checkpoint;
  const skipped = output < start.output ? Number.POSITIVE_INFINITY : start.row;
  const isPast = output > start.output;
  let read = 0;
  let group = emptyGroup(start.tally);
  let broke: NativeBatchFailure | null = null;
  const flush = async (): Promise<void> => {
    if (group.lines === 0) return;
    const { publish, handBack, left, tally } = group;
    const routes = await planLeft(deps, held.facts, left);
    const nowMs = clock.nowMs();
    const planned = left.map((row, at) => deferralOf(row, nowMs, 0, routes[at]));
    await publishRows(deps, publish, [...handBack, ...planned]);
    group = emptyGroup(tally);
    const { checkpoint } = held.facts;
    await held.save({ checkpoint: { ...checkpoint, output, row: read, stalls: 0, tally } });
  };
  for await (const line of provider.rows(query, signal)) {
    if ('faults' in line) {
      broke = line;
      break;
    }
    read += 1;
    if (!isPast && read <= skipped) {
      markMet(ledger, line);
      continue;
    }
    add(group, { ...ledger, job: held.facts, nowMs: clock.nowMs() }, line);
    if (group.lines < LINES_PER_GROUP && group.bytes < GROUP_BYTES) continue;
    await flush();
    if (clock.nowMs() < terms.deadlineMs && !signal.aborted) continue;
    await held.rest(clock.nowMs(), { note: 'taking in results' });
    return false;
  }
  await flush();
  if (broke !== null) {
    if (signal.aborted) {
      await held.rest(clock.nowMs(), { note: 'taking in results' });
      return false;
    }
    if (!(await isSpent(deps, held, broke, read > 0, report))) return false;
  }
  if (output >= held.facts.checkpoint.output) await finishOutput(held, output, broke);
  return true;
}

/** Lines dealt with since the last checkpoint. */
interface Group {
  readonly publish: EncodedRow[];
  readonly handBack: Deferral[];
  readonly left: ManifestRow[];
  tally: NativeTally;
  lines: number;
  bytes: number;
}

function emptyGroup(tally: NativeTally): Group {
  return { publish: [], handBack: [], left: [], tally, lines: 0, bytes: 0 };
}

function add(group: Group, ledger: RowLedger, line: NativeRow): void {
  const { publish, handBack, left, tally } = reconcileRows(ledger, [line], group.tally);
  group.lines += 1;
  group.left.push(...left);
  group.tally = tally;
  group.handBack.push(...handBack);
  for (const content of publish) {
    const row = encodeRow(content);
    group.publish.push(row);
    group.bytes += row.line.byteLength;
  }
}

/**
 * Whether an output that broke off has no more to give; otherwise the job rests. What is cut short
 * at the same line again and again is. One that the provider does not give out now, for an outage or
 * its limits, holds answers that are paid for, and is waited for as long as the deadlines allow; for a key
 * that is refused until a person has acted.
 */
async function isSpent(
  { clock, telemetry }: NativeDeps,
  held: HeldJob,
  failure: NativeBatchFailure,
  hasBegun: boolean,
  report: TickReport,
): Promise<boolean> {
  const { code, message } = failure;
  const { checkpoint, id, provider } = held.facts;
  const disposition = ERROR_DISPOSITIONS[code];
  if (disposition === 'stop_provider') {
    await held.restAfter(failure, report);
    return false;
  }
  const nowMs = clock.nowMs();
  const stalls = checkpoint.stalls + 1;
  const isCut = hasBegun || code === 'provider_malformed';
  const hasPatience = !isCut && nowMs < patienceEnd(held.facts);
  if (disposition === 'give_up' || (stalls >= MOST_STALLS && !hasPatience)) {
    telemetry.count(METRICS.nativeResultsLost, 1, { provider });
    telemetry.log('error', 'Results of a batch are missing; their rows are run again', {
      job: id,
      provider,
      code,
    });
    return true;
  }
  await held.rest(nowMs + Math.min(LONGEST_STALL_MS, STALL_MS * stalls), {
    checkpoint: { ...checkpoint, stalls },
    note: `${code}: ${message}`,
  });
  return false;
}

function patienceEnd({ endedAtMs, createdAtMs, deadlineAtMs }: NativeJob): number {
  const sinceMs = endedAtMs ?? createdAtMs;
  const leftMs = deadlineAtMs === null ? Number.POSITIVE_INFINITY : deadlineAtMs - sinceMs;
  return sinceMs + Math.min(LONGEST_TROUBLE_MS, leftMs * TROUBLE_SHARE);
}

async function finishOutput(
  held: HeldJob,
  output: number,
  broke: NativeBatchFailure | null,
): Promise<void> {
  const { checkpoint } = held.facts;
  const fault = broke === null ? [] : [`output ${output}: ${broke.code}: ${broke.message}`];
  const next: NativeCheckpoint = {
    ...checkpoint,
    output: output + 1,
    row: 0,
    stalls: 0,
    faults: [...checkpoint.faults, ...fault],
  };
  await held.save({ checkpoint: next });
}
