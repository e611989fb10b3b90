import { formatCount } from '../format.ts';
import { createProgressView, type ProgressView } from '../progress/progress-view.ts';
import { endedCount, readStanding } from '../remote/batch-standing.ts';
import { refuseForeign } from '../remote/download-results.ts';
import { followBatch } from '../remote/follow-batch.ts';
import type { Terminal } from '../terminal.ts';
import { fetchResults, type OutputFlags, outputOf } from './results.ts';
import { type ServerFlags, type ServerSession, withServer } from './server-session.ts';
import { describeStanding, exitCodeOfStanding, standingJson } from './standing-report.ts';
import { unknownBatch } from './status.ts';

export interface WatchFlags extends ServerFlags, OutputFlags {}

const INTERRUPTED = 130;

/** Follows a batch to its end, and fetches its results where asked to; resolves to the exit code. */
export async function watch(batch: string, flags: WatchFlags, terminal: Terminal): Promise<number> {
  const view = createProgressView(terminal, flags.quiet === true || flags.json === true);
  const onInterrupted = () => detach(batch, view, terminal);
  try {
    return await withServer(flags, terminal, { say: view.say, onInterrupted }, async (session) => {
      const { api } = session;
      const isKnown = (await api.counts(batch)).total > 0 || (await api.madeBatch(batch)) !== null;
      if (!isKnown) throw unknownBatch(batch);
      const { output } = flags;
      if (output !== undefined && output !== '-' && flags.overwrite !== true) {
        await refuseForeign(outputOf(output, terminal));
      }
      return follow(session, { batch, flags, view, terminal });
    });
  } finally {
    view.end();
  }
}

export interface Following {
  readonly batch: string;
  readonly flags: WatchFlags;
  readonly view: ProgressView;
  readonly terminal: Terminal;
  /** Goes into the one object of --json. */
  readonly submitted?: Record<string, unknown>;
}

/** Follows, reports, and writes results where a place for them is given. */
export async function follow(
  { api, signal }: ServerSession,
  { batch, flags, view, terminal, submitted = {} }: Following,
): Promise<number> {
  const { clock } = terminal;
  const counts = await followBatch({ api, batch, clock, signal, onProgress: view.running });
  view.end();
  if (counts === null) {
    detach(batch, view, terminal);
    return INTERRUPTED;
  }
  const standing = await readStanding(api, batch);
  const { output, overwrite } = flags;
  const lines =
    output === undefined
      ? null
      : await fetchResults(api, {
          filter: { batch },
          output,
          overwrite: overwrite === true,
          total: endedCount(standing.counts),
          view,
          terminal,
        });
  const exitCode = exitCodeOfStanding(standing);
  if (flags.json === true) {
    const results = lines === null ? {} : { output, lines };
    const whole = { ...submitted, ...standingJson(standing), ...results };
    terminal.print(JSON.stringify(whole));
    return exitCode;
  }
  const say = output === '-' ? terminal.note : terminal.print;
  if (flags.quiet !== true) {
    say(describeStanding(standing, terminal));
    if (lines !== null && output !== '-') say(`${formatCount(lines)} results in ${output}`);
  }
  return exitCode;
}

/** Says that the batch goes on, and how to see it again. */
export function detach(batch: string, view: ProgressView, terminal: Terminal): void {
  view.end();
  terminal.note(
    `No longer watching; the batch goes on. See it again: penstock watch ${batch}. Its answers: penstock results ${batch} -o out.jsonl`,
  );
}
