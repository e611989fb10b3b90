import type { NativeJob } from '../../domain/native/native-job.ts';
import { readManifestFrom } from './manifest.ts';
import type { NativeDeps } from './native-deps.ts';
import { rowsNamed } from './rows-named.ts';

/**
 * The first row whose request has not ended otherwise, e.g. been cancelled; `null` when all have.
 * Goes on where the last look stopped and stops at the first row that is wanted, so that a look
 * costs a read of some hundred rows, and all looks together no more than the rows once.
 */
export async function firstWanted(
  { payloads, work }: Pick<NativeDeps, 'payloads' | 'work'>,
  { manifest, firstWantedRow }: NativeJob,
): Promise<number | null> {
  for await (const { first, rows } of readManifestFrom(payloads, manifest, firstWantedRow)) {
    const ended = await rowsNamed(rows, (group) => work.withdrawn(group));
    const wanted = rows.findIndex((row) => !ended.has(row));
    if (wanted >= 0) return first + wanted;
  }
  return null;
}
