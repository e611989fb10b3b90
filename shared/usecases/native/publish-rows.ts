import { encodeResultLine, type ResultLineContent } from '../../contracts/result-line.ts';
import type { RequestOutcome } from '../../domain/request.ts';
import type { Deferral } from '../../ports/request-store.ts';
import type { NativeDeps } from './native-deps.ts';

/**
 * Makes a group of rows durable and published, and hands others back. Done again after a death it
 * changes nothing: a request has one outcome, and a handed back one another fence or the same terms.
 */
export async function publishRows(
  { results, work, onPublished }: NativeDeps,
  publish: readonly ResultLineContent[],
  handBack: readonly Deferral[],
): Promise<void> {
  if (publish.length > 0) {
    const lines = publish.map((content) => Buffer.from(encodeResultLine(content)));
    const outcomes = await Promise.all(
      publish.map(async ({ outcome }, index): Promise<RequestOutcome> => {
        const line = lines[index] ?? new Uint8Array();
        return { ...outcome, result: await results.append(outcome.tenant, line) };
      }),
    );
    const flags = await work.commit(outcomes);
    const published = outcomes.flatMap((outcome, index) => {
      const [customId, line] = [publish[index]?.customId ?? null, lines[index]];
      return flags[index] === true && line !== undefined ? [{ outcome, customId, line }] : [];
    });
    if (published.length > 0) onPublished?.(published);
  }
  if (handBack.length > 0) await work.defer(handBack);
}
