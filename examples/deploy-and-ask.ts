/**
 * Deploys Penstock to the emulator on this machine, with a simulated provider behind it, and sends it
 * a batch with the official SDK. What it started it ends.
 *
 *     node_modules/.bin/node examples/deploy-and-ask.ts
 */

import { startLocalStack } from '../scripts/deployment/local-stack.ts';

const say = (line: string): void => console.log(line);
const stack = await startLocalStack({ port: 4566, isVerbose: false, say });
try {
  process.env['PENSTOCK_URL'] = `${stack.url}/v1`;
  process.env['PENSTOCK_API_KEY'] = stack.adminKey;
  await import('./openai-batch.ts');
} finally {
  await stack.close();
}
