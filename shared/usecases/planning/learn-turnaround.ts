/** Learns from native batches that have ended how long they, and their cancellation, take. */

import { emptyHistogram, type ObservedDuration, observe } from '../../domain/lanes/turnaround.ts';
import type { TurnaroundStore } from '../../ports/turnaround-store.ts';

/** A native batch that has ended, as the planner learns from it. */
export interface EndedJob {
  readonly provider: string;
  readonly model: string;
  readonly submittedAtMs: number;
  /** When its end was asked for; `null` where it ended by itself. */
  readonly cancelledAtMs: number | null;
  readonly endedAtMs: number;
  /** False where it expired, or was cut short before it was done. */
  readonly isCompleted: boolean;
}

export async function learnTurnaround(
  turnarounds: Pick<TurnaroundStore, 'update'>,
  { provider, model, submittedAtMs, cancelledAtMs, endedAtMs, isCompleted }: EndedJob,
  nowMs: number,
): Promise<void> {
  const job: ObservedDuration = {
    durationMs: (cancelledAtMs ?? endedAtMs) - submittedAtMs,
    hasEnded: isCompleted,
  };
  await turnarounds.update(provider, model, (record) => {
    const jobs = record?.jobs ?? emptyHistogram(nowMs);
    const cancels = record?.cancels ?? emptyHistogram(nowMs);
    return {
      jobs: observe(jobs, job, nowMs),
      cancels:
        cancelledAtMs === null
          ? cancels
          : observe(cancels, { durationMs: endedAtMs - cancelledAtMs, hasEnded: true }, nowMs),
    };
  });
}
