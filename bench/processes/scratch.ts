/** A folder and child processes that are gone when their user is, whichever way that ends. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FATAL_SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type FatalSignal = keyof typeof FATAL_SIGNALS;

export class Scratch {
  readonly directory: string;
  readonly #children = new Set<ChildProcess>();
  #files = 0;

  constructor(purpose: string) {
    this.directory = mkdtempSync(join(tmpdir(), `penstock-${purpose}-`));
    for (const signal of signals()) process.on(signal, this.#onSignal);
    process.on('exit', this.#clear);
  }

  /** A path in the folder that nobody else was given. */
  path(name: string): string {
    this.#files += 1;
    return join(this.directory, `${this.#files}-${name}`);
  }

  /**
   * Starts a script of this project, named from its root, with this Node. The environment is ours
   * less what would redirect a provider client.
   */
  start(
    script: string,
    args: readonly string[],
    {
      stdio = 'pipe',
      environment = {},
      imports = [],
    }: {
      readonly stdio?: SpawnOptions['stdio'];
      readonly environment?: Readonly<Record<string, string>>;
      /** Scripts to load first, named from the root. */
      readonly imports?: readonly string[];
    } = {},
  ): ChildProcess {
    const flags = ['--disable-warning=ExperimentalWarning'];
    for (const path of imports) flags.push('--import', new URL(path, ROOT_URL).href);
    const child = spawn(process.execPath, [...flags, join(ROOT, script), ...args], {
      stdio,
      env: { ...withoutProviderSettings(process.env), ...environment },
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Ends every child and removes the folder. */
  dispose(): void {
    for (const signal of signals()) process.off(signal, this.#onSignal);
    process.off('exit', this.#clear);
    this.#clear();
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    process.exit(isFatal(signal) ? FATAL_SIGNALS[signal] : 1);
  };

  readonly #clear = (): void => {
    for (const child of this.#children) child.kill('SIGKILL');
    // A dying child may still create a file while the folder is emptied.
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  };
}

const ROOT_URL = new URL('../../', import.meta.url);

function withoutProviderSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const entries = Object.entries(environment);
  return Object.fromEntries(entries.filter(([name]) => !/^(OPENAI|ANTHROPIC)_/.test(name)));
}

function signals(): FatalSignal[] {
  return ['SIGHUP', 'SIGINT', 'SIGTERM'];
}

function isFatal(signal: NodeJS.Signals): signal is FatalSignal {
  return signal in FATAL_SIGNALS;
}
