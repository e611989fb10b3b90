import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, it } from 'vitest';
import { findEmulator, startEmulator } from '../../../scripts/emulator/start-emulator.ts';

const SCRIPT = 'scripts/emulator.ts';

function run(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const child = spawn(process.execPath, [SCRIPT, ...args], { env });
  let output = '';
  const keep = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = once(child, 'close').then(([code]) => code);
  return { child, ended, output: () => output };
}

/** Asks until it is so: other processes answer when they can. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(50);
}

it('uses an emulator that answers already, and says what to do next', async () => {
  const { port } = new URL(inject('emulatorUrl'));
  const { ended, output } = run(['--port', port]);
  expect(await ended).toBe(0);
  expect(output()).toContain(`MiniStack 1.5.33 answers on http://127.0.0.1:${port} already`);
  expect(output()).toContain('npm run deploy:local');
  expect(output()).toContain(`AWS_ENDPOINT_URL=http://127.0.0.1:${port}`);
});

it('stops its own on Ctrl-C', async () => {
  const { url, close } = await startEmulator();
  await close();
  expect(await findEmulator(url)).toBeNull();
  const { child, ended, output } = run(['--port', new URL(url).port]);
  await until(() => output().includes('Ctrl-C'));
  expect(await findEmulator(url)).toBe('MiniStack 1.5.33');
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(output()).toContain('Stopped.');
  expect(await findEmulator(url)).toBeNull();
});

it('leaves no emulator behind when it is killed', async () => {
  const { url, close } = await startEmulator();
  await close();
  const { child, output } = run(['--port', new URL(url).port]);
  await until(() => output().includes('Ctrl-C'));
  child.kill('SIGKILL');
  await until(async () => (await findEmulator(url)) === null);
  expect(output()).not.toContain('Stopped.');
});

it.each([
  ['Python', null, 'apt-get install python3 python3-venv'],
  ['a Python that is new enough', 'echo 3 9', 'found 3.9'],
  ['the venv module', '[ "$1" = -c ] && echo 3 12', 'python3.12-venv'],
])('says that %s is missing, and how to get it', async (_, script, remedy) => {
  const folder = await mkdtemp(join(tmpdir(), 'penstock-no-python-'));
  if (script !== null) {
    await writeFile(join(folder, 'python3'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const env = { PATH: folder, PENSTOCK_EMULATOR_FOLDER: `${folder}/state/` };
  const { ended, output } = run(['--port', '1'], env);
  expect(await ended).toBe(1);
  expect(output()).toContain(remedy);
  await rm(folder, { recursive: true });
});

it.each(['0', '65536', 'x', ''])('refuses the port %j', async (port) => {
  const { ended, output } = run(['--port', port]);
  expect(await ended).toBe(2);
  expect(output()).toContain('--port takes a number');
});
