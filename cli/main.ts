import { CommanderError } from 'commander';
import { systemClock } from '../shared/adapters/system/clock.ts';
import { AppError } from '../shared/domain/errors.ts';
import { createProgram } from './program.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const BAD_INPUT = 2;

/** Runs one command line; resolves to its exit code. */
export async function main(
  args: readonly string[],
  terminal: Terminal = processTerminal(systemClock),
): Promise<number> {
  let exitCode = 0;
  const finish = (code: number): void => {
    exitCode = code;
  };
  const program = createProgram(terminal, finish);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_INPUT;
    if (!(error instanceof AppError)) throw error;
    report(error, args.includes('--json'), terminal);
    return BAD_INPUT;
  }
}

function report({ code, message }: AppError, isJson: boolean, terminal: Terminal): void {
  if (isJson) {
    const error = { code, message };
    terminal.print(JSON.stringify({ status: 'error', exit_code: BAD_INPUT, error }));
  } else terminal.note(`penstock: ${message}`);
}
