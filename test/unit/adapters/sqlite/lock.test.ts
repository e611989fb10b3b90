import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockState } from '../../../../shared/adapters/sqlite/lock.ts';

const LOCK_MODULE = new URL('../../../../shared/adapters/sqlite/lock.ts', import.meta.url).href;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'penstock-lock-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Another process that holds the lock until it is killed. */
async function startHolder(): Promise<ChildProcess> {
  const program = `
    const { lockState } = await import(${JSON.stringify(LOCK_MODULE)});
    globalThis.held = lockState(${JSON.stringify(directory)});
    console.log('held');
    setInterval(() => undefined, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout ?? holder, 'data');
  return holder;
}

it('lets one owner in, names it to the next, and lets that in after the release', () => {
  const state = join(directory, 'made', 'on the way');
  const lock = lockState(state);
  expect(() => lockState(state)).toThrow(
    expect.objectContaining({
      code: 'state_locked',
      message: expect.stringContaining(`in use by process ${process.pid}.`),
      details: { directory: state, pid: process.pid },
    }),
  );
  lock.release();
  lockState(state).release();
});

it('names another process, and is free the moment that is killed', async () => {
  const holder = await startHolder();
  expect(() => lockState(directory)).toThrow(
    expect.objectContaining({ code: 'state_locked', details: { directory, pid: holder.pid } }),
  );
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  lockState(directory).release();
});
