import { ERROR_DISPOSITIONS } from '../../domain/errors.ts';
import type { NativeJob } from '../../domain/native/native-job.ts';
import type { NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import type { HeldJob } from './held-job.ts';
import type { NativeDeps, TickTerms } from './native-deps.ts';

/** A deletion that fails is tried again, but not for ever: providers delete by themselves. Unit: ms. */
const TRY_AGAIN_MS = 3_600_000;
const LONGEST_TRYING_MS = 7 * 86_400_000;

/** `settled` to `done`: the provider keeps nothing of the job. */
export async function deleteFiles(
  { clock, telemetry }: NativeDeps,
  held: HeldJob,
  provider: NativeBatchProvider,
  { signal }: TickTerms,
): Promise<void> {
  const { fileId, outputs, id } = held.facts;
  const ids = [...new Set([...(fileId === null ? [] : [fileId]), ...outputs])];
  if (ids.length > 0) {
    const deleted = await provider.deleteFiles(ids, signal);
    const nowMs = clock.nowMs();
    if (
      deleted.kind === 'failed' &&
      ERROR_DISPOSITIONS[deleted.code] !== 'give_up' &&
      !isPastDeleting(held.facts, nowMs)
    ) {
      await held.rest(nowMs + TRY_AGAIN_MS, { note: `${deleted.code}: ${deleted.message}` });
      return;
    }
    if (deleted.kind === 'failed') {
      telemetry.log('warn', 'Files of a batch were not deleted', { job: id, code: deleted.code });
    }
  }
  await held.restIn('done', clock.nowMs());
}

/** Whether it has been tried for long enough. */
export function isPastDeleting(
  { endedAtMs, createdAtMs }: Pick<NativeJob, 'endedAtMs' | 'createdAtMs'>,
  nowMs: number,
): boolean {
  return nowMs - (endedAtMs ?? createdAtMs) > LONGEST_TRYING_MS;
}
