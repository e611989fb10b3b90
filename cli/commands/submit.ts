import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { AppError } from '../../shared/domain/errors.ts';
import type { Lane } from '../../shared/domain/lanes/lane.ts';
import { formatCount } from '../format.ts';
import { createProgressView } from '../progress/progress-view.ts';
import { refuseForeign } from '../remote/download-results.ts';
import { type SubmitFileResult, type SubmittedFile, submitFile } from '../remote/submit-file.ts';
import { summaryTable } from '../summary-table.ts';
import type { Terminal } from '../terminal.ts';
import { printRejected } from './rejected-report.ts';
import { type OutputFlags, outputOf } from './results.ts';
import { type ServerFlags, type ServerSession, withServer } from './server-session.ts';
import { detach, follow } from './watch.ts';

export interface SubmitFlags extends ServerFlags, OutputFlags {
  readonly batch?: string;
  /** As written, e.g. `15m`. */
  readonly window?: string;
  readonly lane?: Lane;
  readonly tags?: string[];
  readonly skipInvalid?: boolean;
  readonly wait?: boolean;
}

const BAD_INPUT = 2;

/** Submits a file to a server, and waits for its answers where asked to; resolves to the exit code. */
export async function submit(
  input: string,
  flags: SubmitFlags,
  terminal: Terminal,
): Promise<number> {
  const path = resolve(terminal.directory, input);
  const view = createProgressView(terminal, flags.quiet === true || flags.json === true);
  const following = await followingFlags(input, flags, terminal);
  let taken: string | null = null;
  const onInterrupted = () => {
    if (taken !== null) {
      detach(taken, view, terminal);
      return;
    }
    view.end();
    terminal.note('Interrupted. Submit the same file again to go on: what was taken in is found.');
  };
  try {
    return await withServer(flags, terminal, { say: view.say, onInterrupted }, async (session) => {
      const result = await submitFile({
        api: session.api,
        path,
        batch: flags.batch,
        terms: termsOf(flags),
        skipInvalid: flags.skipInvalid === true,
        onValidating: (readBytes, rejected) =>
          view.validating(readBytes, statSync(path).size, rejected),
        onSubmitting: view.submitting,
      });
      view.end();
      if (result.kind === 'submitted') taken = result.file.batch;
      return conclude(session, result, { input, flags, following, view, terminal });
    });
  } finally {
    view.end();
  }
}

interface Conclusion {
  readonly input: string;
  readonly flags: SubmitFlags;
  /** With where results go, where they are waited for. */
  readonly following: SubmitFlags | null;
  readonly view: ReturnType<typeof createProgressView>;
  readonly terminal: Terminal;
}

async function conclude(
  session: ServerSession,
  result: SubmitFileResult,
  { input, flags, following, view, terminal }: Conclusion,
): Promise<number> {
  if (result.kind === 'rejected') {
    concludeRejected(input, result, flags, terminal);
    return BAD_INPUT;
  }
  const { file } = result;
  const isQuiet = flags.quiet === true || flags.json === true;
  const exitCode = file.rejected > 0 ? 1 : 0;
  if (!isQuiet) {
    if (file.rejected > 0) printRejected(input, rejectedOf(file), terminal);
    const text = describeSubmitted(file, following === null, terminal);
    if (following === null) terminal.print(text);
    else terminal.note(text);
  }
  if (file.accepted === 0) return BAD_INPUT;
  if (following !== null) {
    const { batch } = file;
    const submitted = submittedJson(input, file, exitCode);
    const ended = await follow(session, { batch, flags: following, view, terminal, submitted });
    return Math.max(ended, exitCode);
  }
  if (flags.json === true) {
    terminal.print(JSON.stringify(submittedJson(input, file, exitCode)));
  }
  return exitCode;
}

function concludeRejected(
  input: string,
  { total, first }: Extract<SubmitFileResult, { kind: 'rejected' }>,
  flags: SubmitFlags,
  terminal: Terminal,
): void {
  if (flags.json === true) {
    const rejected = first.map(({ customId, ...line }) => ({ ...line, custom_id: customId }));
    const summary = { status: 'rejected', exit_code: BAD_INPUT, input, total, rejected };
    terminal.print(JSON.stringify(summary));
    return;
  }
  printRejected(input, { total, first }, terminal);
  terminal.note('Nothing was sent. Mend them, or give --skip-invalid to submit the others.');
}

function describeSubmitted(file: SubmittedFile, isLast: boolean, terminal: Terminal): string {
  const { batch, accepted, replayed, rejected, total } = file;
  const before = replayed === 0 ? '' : `, ${formatCount(replayed)} of them before`;
  const refused =
    rejected === 0 ? '' : `, ${terminal.color.red(`${formatCount(rejected)} left out`)}`;
  const table = summaryTable(
    [
      ['accepted', `${formatCount(accepted)} of ${formatCount(total)}${before}${refused}`],
      ['batch', batch],
      ['watch', isLast ? `penstock watch ${batch}` : null],
      ['results', isLast ? `penstock results ${batch} -o out.jsonl` : null],
    ],
    terminal,
  );
  return table;
}

function submittedJson(
  input: string,
  { firstRejected, ...file }: SubmittedFile,
  exitCode: number,
): Record<string, unknown> {
  const lines = firstRejected.map(({ customId, ...line }) => ({ ...line, custom_id: customId }));
  return { status: 'submitted', exit_code: exitCode, input, ...file, rejected_lines: lines };
}

function rejectedOf({ rejected, firstRejected }: SubmittedFile) {
  return { total: rejected, first: firstRejected };
}

function termsOf({ window, lane, tags }: SubmitFlags) {
  return {
    ...(window === undefined ? {} : { completion_window: window }),
    ...(lane === undefined ? {} : { lane }),
    ...(tags === undefined ? {} : { tags: tags.join(',') }),
  };
}

/** Where results go is settled before anything is submitted. */
async function followingFlags(
  input: string,
  flags: SubmitFlags,
  terminal: Terminal,
): Promise<SubmitFlags | null> {
  if (flags.wait !== true && flags.output === undefined) return null;
  const output = flags.output ?? `${input.replace(/\.jsonl$/, '')}.out.jsonl`;
  if (output !== '-' && flags.overwrite !== true) await refuseForeign(outputOf(output, terminal));
  if (resolve(terminal.directory, input) === outputOf(output, terminal)) {
    throw new AppError('output_conflict', `${output} is the input itself. Give another with -o.`);
  }
  return { ...flags, output };
}
