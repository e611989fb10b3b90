import type { Clock } from '../../shared/ports/clock.ts';
import type { Counts, PenstockApi } from '../api-client/penstock-api.ts';
import type { ProgressSnapshot } from '../progress/progress-snapshot.ts';
import { RateWindow } from '../progress/rate-window.ts';
import { costOf, endedCount } from './batch-standing.ts';

export interface FollowOptions {
  readonly api: Pick<PenstockApi, 'counts' | 'usage' | 'health' | 'madeBatch'>;
  readonly batch: string;
  readonly clock: Clock;
  /** Ends the following, not the batch. */
  readonly signal: AbortSignal;
  readonly onProgress: (snapshot: ProgressSnapshot) => void;
}

const FIRST_LOOK_MS = 500;
/** A batch that takes hours need not be asked about every second. Unit: ms. */
const LONGEST_BETWEEN_LOOKS_MS = 5_000;
const SLOWER_BY = 1.15;
/** Cost and held providers change slower than counts, and cost more to read. Unit: looks. */
const LOOKS_PER_COST = 4;

/**
 * Looks at a batch until all of its requests have ended. The counts it ended with, or `null` when
 * the signal came first.
 *
 * @throws {AppError} when the server cannot be asked any more.
 */
export async function followBatch(options: FollowOptions): Promise<Counts | null> {
  const { api, batch, clock, signal, onProgress } = options;
  const rate = new RateWindow();
  let costMicroUsd = 0;
  let waitingFor: string | null = null;
  let delayMs = FIRST_LOOK_MS;
  for (let look = 0; !signal.aborted; look += 1) {
    const counts = await api.counts(batch);
    const done = endedCount(counts);
    // A batch under way has no requests yet, or not all; it says itself when it has ended.
    const isAnswered = done === counts.total;
    const made = isAnswered ? await api.madeBatch(batch) : null;
    const isOver = isAnswered && (made === null ? counts.total > 0 : made.hasEnded);
    if (isOver || look % LOOKS_PER_COST === 0) {
      costMicroUsd = costOf(await api.usage(batch, []));
      waitingFor = describeHeld(await api.health());
    }
    const perSecond = rate.read(done, clock.nowMs());
    onProgress({
      done,
      total: counts.total,
      failed: done - counts.succeeded,
      inFlight: counts.running,
      perSecond,
      etaMs: perSecond > 0 ? ((counts.total - done) / perSecond) * 1_000 : null,
      costMicroUsd,
      projectedMicroUsd: done > 0 ? Math.round((costMicroUsd / done) * counts.total) : null,
      throttled: null,
      retried: 0,
      limit: null,
      batches: null,
      waitingFor,
    });
    if (isOver) return counts;
    await clock.sleep(delayMs, signal);
    delayMs = Math.min(LONGEST_BETWEEN_LOOKS_MS, delayMs * SLOWER_BY);
  }
  return null;
}

function describeHeld({
  providers_held: held,
}: Awaited<ReturnType<PenstockApi['health']>>): string | null {
  const [first] = held;
  return first === undefined ? null : `${first.provider} is held: ${first.reason}`;
}
