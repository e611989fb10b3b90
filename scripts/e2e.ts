/**
 * `npm run e2e [-- --port 4566]`: deploys both stacks to an emulator on this machine, with a
 * simulated provider behind them, and runs the end-to-end suites against the deployed API. Ends
 * what it started.
 */

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { startLocalStack } from './deployment/local-stack.ts';
import { emulatorEnvironment } from './emulator/start-emulator.ts';

const DEFAULT_PORT = '4566';

const { values, positionals } = parseArgs({
  options: {
    port: { type: 'string', default: DEFAULT_PORT },
    verbose: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

const stack = await startLocalStack({
  port: Number(values.port),
  isVerbose: values.verbose,
  say: (line) => console.log(line),
});
const code = await new Promise<number>((resolve) => {
  const suites = spawn('vitest', ['run', '--project', 'e2e', ...positionals], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...emulatorEnvironment(stack.endpoint),
      PENSTOCK_API: stack.url,
      PENSTOCK_ADMIN_KEY: stack.adminKey,
      PENSTOCK_SIMULATOR: stack.simulator.url,
      PENSTOCK_BULK_QUEUE_URL: stack.bulkQueueUrl,
    },
  });
  suites.once('close', (status) => resolve(status ?? 1));
});
await stack.close();
process.exitCode = code;
