import colors from 'picocolors';
import type { Environment } from '../shared/contracts/config-variables.ts';
import type { Clock } from '../shared/ports/clock.ts';

/** The world as a command sees it. */
export interface Terminal {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Somebody watches stderr, and it can be drawn on. */
  readonly isInteractive: boolean;
  readonly color: ReturnType<typeof colors.createColors>;
  readonly environment: Environment;
  readonly directory: string;
  readonly clock: Clock;
  /** A line for people, on stderr. */
  note(line: string): void;
  /** A line of the result, on stdout. */
  print(line: string): void;
}

/** The process's own terminal. */
export function processTerminal(clock: Clock): Terminal {
  const { stdout, stderr, env } = process;
  const isInteractive = stderr.isTTY === true && !env['CI'] && env['TERM'] !== 'dumb';
  return {
    stdout,
    stderr,
    isInteractive,
    color: colors.createColors(stdout.isTTY === true && !env['NO_COLOR']),
    environment: env,
    directory: process.cwd(),
    clock,
    note: (line) => void stderr.write(`${line}\n`),
    print: (line) => void stdout.write(`${line}\n`),
  };
}
