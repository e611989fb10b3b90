import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Where figures come from, so that they can be compared with others. */
export interface Provenance {
  readonly commit: string;
  /** Whether files differed from that commit. */
  readonly isModified: boolean;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly node: string;
  readonly platform: string;
}

export function readProvenance(): Provenance {
  return {
    commit: git('rev-parse', '--short=12', 'HEAD') ?? 'unknown',
    isModified: git('status', '--porcelain', '--untracked-files=no') !== '',
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
  };
}

/** What git says, or `undefined` outside a repository. */
function git(...args: string[]): string | undefined {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  try {
    return execFileSync('git', args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
