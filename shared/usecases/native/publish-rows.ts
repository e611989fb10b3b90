import { encodeResultLine, type ResultLineContent } from '../../contracts/result-line.ts';
import type { RequestOutcome } from '../../domain/requests/request.ts';
import type { Deferral } from '../../ports/request-store.ts';
import type { NativeDeps } from './native-deps.ts';

/** An outcome with the line that carries it, ready to be made durable. */
export interface EncodedRow {
  readonly outcome: ResultLineContent['outcome'];
  readonly customId: string | null;
  readonly line: Uint8Array;
}

/** Turns an answer into bytes at once, so that texts of a whole group need not be kept. */
export function encodeRow(content: ResultLineContent): EncodedRow {
  const { outcome, customId } = content;
  return { outcome, customId, line: Buffer.from(encodeResultLine(content)) };
}

/**
 * Makes a group of rows durable and published, and hands others back. Done again after a death it
 * changes nothing: a request has one outcome, and a handed back one another fence or the same terms.
 */
export async function publishRows(
  { results, work, onPublished }: NativeDeps,
  publish: readonly EncodedRow[],
  handBack: readonly Deferral[],
): Promise<void> {
  if (publish.length > 0) {
    const outcomes = await Promise.all(
      publish.map(
        async ({ outcome, line }): Promise<RequestOutcome> => ({
          ...outcome,
          result: await results.append(outcome.tenant, line),
        }),
      ),
    );
    const flags = await work.commit(outcomes);
    const published = outcomes.flatMap((outcome, index) => {
      const row = publish[index];
      if (flags[index] !== true || row === undefined) return [];
      return [{ outcome, customId: row.customId, line: row.line }];
    });
    if (published.length > 0) onPublished?.(published);
  }
  if (handBack.length > 0) await work.defer(handBack);
}
