import { AppError } from '../../shared/domain/errors.ts';
import { formatCount, formatQuantity } from '../format.ts';
import type { Terminal } from '../terminal.ts';
import { type ServerFlags, withServer } from './server-session.ts';

export interface RedriveFlags extends ServerFlags {
  readonly limit?: number;
}

/** Sends messages that were given up back to their queue; resolves to the exit code. */
export async function redrive(flags: RedriveFlags, terminal: Terminal): Promise<number> {
  const onInterrupted = () => terminal.note('Interrupted. The same command sends the rest.');
  return withServer(flags, terminal, { say: terminal.note, onInterrupted }, async ({ api }) => {
    const { moved, left } = await api.redrive(flags.limit).catch(explain);
    const exitCode = left > 0 ? 1 : 0;
    if (flags.json === true) {
      terminal.print(JSON.stringify({ exit_code: exitCode, moved, left }));
    } else {
      terminal.print(`${formatQuantity(moved, 'message')} sent back to the queue`);
      if (left > 0) terminal.note(`${formatCount(left)} could not be sent and are still kept.`);
    }
    return exitCode;
  });
}

function explain(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
  throw new AppError(
    'not_found',
    'This server has no queue whose messages could have been given up; penstock serve works without one.',
    { cause: error },
  );
}
