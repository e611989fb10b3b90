import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** What an environment holds, and how one sees that it does. */
export interface PythonPackages {
  /** Path of a file for pip, with pinned versions. */
  readonly requirements: string;
  /** A module of theirs. */
  readonly module: string;
}

const MINISTACK: PythonPackages = {
  requirements: fileURLToPath(new URL('requirements.txt', import.meta.url)),
  module: 'ministack',
};

/** What the emulator keeps on disk, ending in a slash. Never committed. */
export const EMULATOR_FOLDER =
  process.env['PENSTOCK_EMULATOR_FOLDER'] ??
  fileURLToPath(new URL('../../.emulator/', import.meta.url));

/** Oldest Python that MiniStack runs on. */
const OLDEST_MINOR = 10;

const PROBE = 'import sys; print(sys.version_info.major, sys.version_info.minor)';

/** Something is missing on this machine; the message says what, and how to get it. */
export class EmulatorUnavailable extends Error {
  override readonly name = 'EmulatorUnavailable';
}

/**
 * The Python of a private environment that holds MiniStack, made at the first call on a machine
 * and whenever the pinned versions change. Safe to call from several processes at once.
 *
 * @throws {EmulatorUnavailable} when Python, its venv module or the packages cannot be had.
 */
export function ministackPython(onInstall: (folder: string) => void): Promise<string> {
  return pythonWith(MINISTACK, onInstall);
}

/**
 * The same for other packages, each set in an environment of its own.
 *
 * @throws {EmulatorUnavailable} when Python, its venv module or the packages cannot be had.
 */
export async function pythonWith(
  packages: PythonPackages,
  onInstall: (folder: string) => void,
): Promise<string> {
  const pinned = await readFile(packages.requirements);
  const digest = createHash('sha256').update(pinned).digest('hex').slice(0, 12);
  const folder = `${EMULATOR_FOLDER}python-${digest}`;
  if (await isUsable(folder, packages)) return pythonOf(folder);
  onInstall(folder);
  // Built aside and moved when whole, so that nobody ever sees half an environment.
  const draft = `${folder}.${process.pid}`;
  await mkdir(EMULATOR_FOLDER, { recursive: true });
  try {
    await install(draft, packages);
    if (!(await isUsable(folder, packages))) {
      await rm(folder, { recursive: true, force: true });
      await rename(draft, folder);
    }
  } catch (error) {
    // Another process was faster; its environment is as good as ours.
    if (!(await isUsable(folder, packages))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return pythonOf(folder);
}

async function install(folder: string, { requirements }: PythonPackages): Promise<void> {
  const version = await run('python3', ['-c', PROBE]);
  const [major = 0, minor = 0] = version.output.trim().split(' ').map(Number);
  if (version.code !== 0 || major !== 3 || minor < OLDEST_MINOR) {
    throw new EmulatorUnavailable(
      `The emulator needs Python 3.${OLDEST_MINOR} or later as python3 on the PATH; ${version.code === 0 ? `found ${major}.${minor}` : 'there is none'}. Install it: apt-get install python3 python3-venv, or brew install python3.`,
    );
  }
  const venv = await run('python3', ['-m', 'venv', folder]);
  if (venv.code !== 0) {
    throw new EmulatorUnavailable(
      `python3 -m venv failed; on Debian and Ubuntu its parts are a package of their own: apt-get install python3-venv (or python${major}.${minor}-venv).\n${venv.output}`,
    );
  }
  const pip = await run(pythonOf(folder), [
    ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'],
    ...['--requirement', requirements],
  ]);
  if (pip.code !== 0) {
    throw new EmulatorUnavailable(
      `pip could not install MiniStack. Without access to PyPI, set PIP_INDEX_URL to a mirror, or start LocalStack or MiniStack yourself and run again.\n${pip.output}`,
    );
  }
}

async function isUsable(folder: string, { module }: PythonPackages): Promise<boolean> {
  return (await run(pythonOf(folder), ['-c', `import ${module}`])).code === 0;
}

function pythonOf(folder: string): string {
  return `${folder}/bin/python3`;
}

/** Exit code and all output; code `null` when the command cannot be started. */
async function run(
  command: string,
  args: readonly string[],
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', () => resolve({ code: null, output }));
    child.on('close', (code) => resolve({ code, output }));
  });
}
