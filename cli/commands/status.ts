import { AppError } from '../../shared/domain/errors.ts';
import { readStanding } from '../remote/batch-standing.ts';
import type { Terminal } from '../terminal.ts';
import { type ServerFlags, withServer } from './server-session.ts';
import { describeStanding, exitCodeOfStanding, standingJson } from './standing-report.ts';

/** Shows where a batch, or everything of the key's tenant, stands; resolves to the exit code. */
export async function status(
  batch: string | undefined,
  flags: ServerFlags,
  terminal: Terminal,
): Promise<number> {
  const options = { say: terminal.note, onInterrupted: () => {} };
  return withServer(flags, terminal, options, async ({ api }) => {
    const standing = await readStanding(api, batch);
    const isKnown = standing.made !== null || standing.counts.total > 0;
    if (batch !== undefined && !isKnown) throw unknownBatch(batch);
    if (flags.json === true) terminal.print(JSON.stringify(standingJson(standing)));
    else terminal.print(describeStanding(standing, terminal));
    return exitCodeOfStanding(standing);
  });
}

/** The error for a batch in which the key's tenant has nothing. */
export function unknownBatch(batch: string): AppError {
  return new AppError(
    'not_found',
    `No request of this key's tenant is in batch ${JSON.stringify(batch)}. Check the name and the key; penstock submit tells the name.`,
  );
}
