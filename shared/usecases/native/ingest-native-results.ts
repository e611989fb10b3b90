/** Takes in what a batch has answered, a group of lines at a time, from wherever the last tick got to. */

import { METRICS } from '../../contracts/metric-names.ts';
import { ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import type { NativeRow } from '../../domain/native/native-batch.ts';
import type { NativeCheckpoint, NativeTally } from '../../domain/native/native-job.ts';
import type { NativeBatchFailure, NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import type { Deferral } from '../../ports/request-store.ts';
import type { HeldJob } from './held-job.ts';
import type { ManifestRow } from './manifest.ts';
import type { NativeDeps, TickTerms } from './native-deps.ts';
import { planLeft } from './plan-left.ts';
import { type EncodedRow, encodeRow, publishRows } from './publish-rows.ts';
import { deferralOf, markMet, type RowLedger, reconcileRows } from './reconcile-rows.ts';

const LINES_PER_GROUP = 500;
/** Answers held in memory before they are published. Unit: bytes. */
const GROUP_BYTES = 8_000_000;
/** An output that breaks off so often at the same line has no more to give. */
const MOST_STALLS = 5;
const STALL_MS = 30_000;

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
): Promise<boolean> {
  const { outputs } = held.facts;
  for (const output of outputs.keys()) {
    const isRead = await ingestOutput(deps, held, provider, ledger, output, terms);
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
  { signal, deadlineMs }: TickTerms,
): Promise<boolean> {
  const { clock } = deps;
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
    if (clock.nowMs() < deadlineMs && !signal.aborted) continue;
    await held.rest(clock.nowMs(), { note: 'taking in results' });
    return false;
  }
  await flush();
  if (broke !== null && !(await isSpent(deps, held, broke, signal))) return false;
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

/** Whether an output that broke off has no more to give; otherwise the job rests. */
async function isSpent(
  { clock, telemetry }: NativeDeps,
  held: HeldJob,
  { code, message }: NativeBatchFailure,
  signal: AbortSignal,
): Promise<boolean> {
  const { checkpoint, id, provider } = held.facts;
  const nowMs = clock.nowMs();
  if (signal.aborted) {
    await held.rest(nowMs, { note: 'taking in results' });
    return false;
  }
  const stalls = checkpoint.stalls + 1;
  const isGone = ERROR_DISPOSITIONS[code] === 'give_up';
  if (isGone || stalls >= MOST_STALLS) {
    telemetry.count(METRICS.nativeResultsLost, 1, { provider });
    telemetry.log('error', 'Results of a batch are missing; their rows are run again', {
      job: id,
      provider,
      code,
    });
    return true;
  }
  await held.rest(nowMs + STALL_MS * stalls, {
    checkpoint: { ...checkpoint, stalls },
    note: `${code}: ${message}`,
  });
  return false;
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
