import { resolve } from 'node:path';
import { AppError } from '../../shared/domain/errors.ts';
import type { PenstockApi, ResultsFilter } from '../api-client/penstock-api.ts';
import { formatCount, formatQuantity } from '../format.ts';
import { createProgressView, type ProgressView } from '../progress/progress-view.ts';
import { endedCount } from '../remote/batch-standing.ts';
import { downloadResults } from '../remote/download-results.ts';
import type { Terminal } from '../terminal.ts';
import { type ServerFlags, withServer } from './server-session.ts';
import { unknownBatch } from './status.ts';

export interface OutputFlags {
  readonly output?: string;
  readonly overwrite?: boolean;
}

export interface ResultsFlags extends ServerFlags, OutputFlags {
  readonly tag?: string;
  readonly status?: string;
}

const STDOUT = '-';

/** Fetches answers into a file; resolves to the exit code. */
export async function results(
  batch: string | undefined,
  flags: ResultsFlags,
  terminal: Terminal,
): Promise<number> {
  const output = flags.output ?? (batch === undefined ? undefined : `${batch}.out.jsonl`);
  if (output === undefined) {
    throw new AppError(
      'invalid_request',
      'Name a batch, or where the results go: penstock results --tag nightly -o out.jsonl',
    );
  }
  const view = createProgressView(terminal, flags.quiet === true || flags.json === true);
  const onInterrupted = () => {
    view.end();
    terminal.note(`Interrupted; ${output} is as it was. The same command fetches them all again.`);
  };
  try {
    return await withServer(flags, terminal, { say: view.say, onInterrupted }, async ({ api }) => {
      const counts = await api.counts(batch);
      const isEmpty = batch !== undefined && counts.total === 0;
      if (isEmpty && (await api.madeBatch(batch)) === null) throw unknownBatch(batch);
      const ended = endedCount(counts);
      const lines = await fetchResults(api, {
        filter: { batch, tag: flags.tag, status: flags.status },
        output,
        overwrite: flags.overwrite === true,
        total: ended,
        view,
        terminal,
      });
      const open = batch === undefined ? 0 : counts.total - ended;
      const exitCode = batch !== undefined && ended > counts.succeeded ? 1 : 0;
      if (flags.json === true) {
        const status = open > 0 ? 'in_progress' : 'completed';
        const summary = { exit_code: exitCode, batch: batch ?? null, output, lines, open };
        terminal.print(JSON.stringify({ status, ...summary }));
      } else if (flags.quiet !== true) {
        const place = output === STDOUT ? 'standard output' : output;
        terminal.note(`${formatQuantity(lines, 'result')} in ${place}`);
        if (open > 0) {
          terminal.note(
            `${formatCount(open)} requests of the batch have not ended. The same command fetches all of them later.`,
          );
        }
      }
      return exitCode;
    });
  } finally {
    view.end();
  }
}

export interface FetchOptions {
  readonly filter: ResultsFilter;
  /** As it was given; `-` for standard output. */
  readonly output: string;
  readonly overwrite: boolean;
  /** As many lines as can be expected. */
  readonly total: number;
  readonly view: ProgressView;
  readonly terminal: Terminal;
}

/** Writes result lines to where the caller wants them; resolves to how many. */
export async function fetchResults(
  api: PenstockApi,
  { filter, output, overwrite, total, view, terminal }: FetchOptions,
): Promise<number> {
  const target = output === STDOUT ? terminal.stdout : outputOf(output, terminal);
  const onProgress = (lines: number): void => view.fetching(lines, Math.max(lines, total));
  const lines = await downloadResults({ api, filter, output: target, overwrite, onProgress });
  view.end();
  return lines;
}

export function outputOf(output: string, { directory }: Terminal): string {
  return resolve(directory, output);
}
