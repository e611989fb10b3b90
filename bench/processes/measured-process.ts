import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type ProcessUsage, readUsage, USAGE_FILE_VARIABLE } from './process-usage.ts';
import type { Scratch } from './scratch.ts';

export interface FinishedProcess {
  /** `null` when it was killed. */
  readonly exitCode: number | null;
  readonly output: string;
  /** What it said on standard error. */
  readonly notes: string;
  readonly startedAtMs: number;
  readonly wallMs: number;
  readonly usage: ProcessUsage | null;
}

export interface MeasuredProcess {
  readonly child: ChildProcess;
  readonly finished: Promise<FinishedProcess>;
}

/** Starts a script that tells what it used as it ends. `isShown`: it has our terminal for itself. */
export function startMeasured(
  scratch: Scratch,
  script: string,
  args: readonly string[],
  {
    isShown = false,
    environment = {},
  }: {
    readonly isShown?: boolean;
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): MeasuredProcess {
  const usagePath = scratch.path('usage.json');
  const startedAtMs = Date.now();
  const child = scratch.start(script, args, {
    stdio: isShown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    imports: ['bench/processes/report-usage.ts'],
    environment: { ...environment, [USAGE_FILE_VARIABLE]: usagePath },
  });
  const finish = async (): Promise<FinishedProcess> => {
    const [[code], output, notes] = await Promise.all([
      once(child, 'exit'),
      child.stdout ? text(child.stdout) : '',
      child.stderr ? text(child.stderr) : '',
    ]);
    const wallMs = Date.now() - startedAtMs;
    const exitCode = typeof code === 'number' ? code : null;
    return { exitCode, output, notes, startedAtMs, wallMs, usage: readUsage(usagePath) };
  };
  return { child, finished: finish() };
}

/** Waits for the end, and throws with the process's own words unless it is one of the given codes. */
export async function expectExit(
  { finished }: MeasuredProcess,
  what: string,
  codes: readonly number[],
): Promise<FinishedProcess> {
  const result = await finished;
  if (result.exitCode !== null && codes.includes(result.exitCode)) return result;
  const words = `${result.notes}\n${result.output}`.trim().slice(-2_000);
  throw new Error(`${what} ended with exit code ${result.exitCode}:\n${words}`);
}
