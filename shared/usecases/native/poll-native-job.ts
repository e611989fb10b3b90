/** Asks how a batch stands, and asks for its end where that is wished, or nobody waits for it. */

import { ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import { isYetToAppear, type NativeBatchView } from '../../domain/native/native-batch.ts';
import { type NativeJob, pollDelayMs, watchOver } from '../../domain/native/native-job.ts';
import type { NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import { sightOf } from './batch-sight.ts';
import { firstWanted } from './first-wanted.ts';
import type { HeldJob } from './held-job.ts';
import { loseBatch } from './lose-batch.ts';
import type { NativeDeps, TickReport, TickTerms } from './native-deps.ts';

const MOST_FAULTS = 100;
/** A cancelled batch is looked at again after this; most end within seconds. Unit: ms. */
const CANCELLING_MS = 10_000;
/** A batch that names no outputs, and should have some, is looked at once more after this. Unit: ms. */
const OUTPUTS_MS = 60_000;

/** `submitted` to `ended`, or a rest until the next look. */
export async function pollBatch(
  deps: NativeDeps,
  held: HeldJob,
  provider: NativeBatchProvider,
  { signal }: TickTerms,
  report: TickReport,
): Promise<void> {
  const { clock, telemetry } = deps;
  const job = held.facts;
  const batchId = job.batchId ?? '';
  const watch = watchOver(job, clock.nowMs());
  const wantedRow = await firstWanted(deps, job);
  const cancelWantedAtMs = job.cancelWantedAtMs ?? (wantedRow === null ? clock.nowMs() : null);
  const isToEnd = cancelWantedAtMs !== null || watch !== 'fine';
  const isAsked = isToEnd && job.seen?.isCancelling !== true;
  if (watch !== 'fine' && isAsked) {
    const { id: jobId, provider: name } = job;
    telemetry.log('error', 'A batch does not end', { job: jobId, provider: name, batch: batchId });
  }
  report.polled += 1;
  const looked = isAsked
    ? await provider.cancel(batchId, signal)
    : await provider.get(batchId, signal);
  const nowMs = clock.nowMs();
  if (looked.kind === 'failed') {
    const isGone = looked.code === 'not_found' && !isYetToAppear(job.submittedAtMs ?? 0, nowMs);
    // Without a key nothing is known of it, and its answers are kept for a month.
    const isStop = ERROR_DISPOSITIONS[looked.code] === 'stop_provider';
    if (isGone || (watch === 'lost' && !isStop)) await loseBatch(deps, held, report);
    else await held.restAfter(looked, report);
    return;
  }
  const view = looked.value;
  const seen = sightOf(view);
  if (view.end === null) {
    if (watch === 'lost') {
      await loseBatch(deps, held, report);
      return;
    }
    const ageMs = nowMs - (job.submittedAtMs ?? nowMs);
    const delayMs = pollDelayMs(ageMs, seen, view.retryAfterMs);
    const waitMs = isToEnd ? Math.min(CANCELLING_MS, delayMs) : delayMs;
    const expiresAtMs = view.expiresAtMs ?? job.expiresAtMs;
    const firstWantedRow = wantedRow ?? job.rowCount;
    await held.rest(nowMs + waitMs, { seen, expiresAtMs, cancelWantedAtMs, firstWantedRow });
    return;
  }
  if (isYetWithoutOutputs(view, job)) {
    await held.rest(nowMs + OUTPUTS_MS, { seen, cancelWantedAtMs });
    return;
  }
  report.ended += 1;
  await held.enter('ended', {
    end: view.end,
    endedAtMs: nowMs,
    cancelWantedAtMs,
    outputs: view.outputs,
    faults: view.faults.slice(0, MOST_FAULTS),
    seen,
    note: null,
  });
}

/** Its rows would be paid twice if they were only late to be named. */
function isYetWithoutOutputs({ end, outputs, counts, rawStatus }: NativeBatchView, job: NativeJob) {
  const isOdd = end === 'completed' && outputs.length === 0 && (counts?.completed ?? 0) > 0;
  return isOdd && job.seen?.rawStatus !== rawStatus;
}
