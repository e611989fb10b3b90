import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pythonWith } from '../../../scripts/emulator/python-environment.ts';
import { SERVER_KEY, type Served, serve } from './served.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.world.close());

it('the official Python SDKs run batches from their files to their results', async () => {
  const packages = { requirements: here('requirements.txt'), module: 'openai, anthropic' };
  const python = await pythonWith(packages, () => undefined);
  const child = spawn(python, [here('batch_sdks.py'), served.url, SERVER_KEY]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
  }
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, output]).toEqual([0, 'all of it\n']);
}, 180_000);
