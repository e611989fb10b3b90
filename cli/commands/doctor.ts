import { resolve } from 'node:path';
import { checkUp, type Finding } from '../../local/doctor/check-up.ts';
import type { Terminal } from '../terminal.ts';

export interface DoctorFlags {
  readonly config?: string;
  readonly state?: string;
  readonly json?: boolean;
}

const MARKS: Readonly<Record<Finding['health'], string>> = { good: 'ok', poor: '??', bad: '!!' };

/** Checks what a run needs; resolves to 0 when all is well enough to run, else 1. */
export async function doctor(flags: DoctorFlags, terminal: Terminal): Promise<number> {
  const findings = await checkUp({
    path: flags.config,
    directory: terminal.directory,
    environment: terminal.environment,
    needsKeys: true,
    stateDirectory: resolve(terminal.directory, flags.state ?? '.'),
    clock: terminal.clock,
    nodeVersion: process.versions.node,
  });
  const isWell = findings.every(({ health }) => health !== 'bad');
  if (flags.json === true) terminal.print(JSON.stringify({ ok: isWell, findings }));
  else for (const finding of findings) terminal.print(describe(finding, terminal));
  return isWell ? 0 : 1;
}

function describe({ name, health, detail }: Finding, { color }: Terminal): string {
  const paint = { good: color.green, poor: color.yellow, bad: color.red }[health];
  return `${paint(MARKS[health])}  ${name}: ${detail}`;
}
