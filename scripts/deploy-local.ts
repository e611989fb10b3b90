/**
 * `npm run deploy:local [-- --port 4566]`: deploys Penstock to the emulator on this machine, with a
 * simulated provider behind it, and keeps that provider up until Ctrl-C.
 */

import { parseArgs } from 'node:util';
import { startLocalStack } from './deployment/local-stack.ts';

const DEFAULT_PORT = '4566';
const DEFAULT_SIMULATOR_PORT = '4610';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: DEFAULT_PORT },
    'simulator-port': { type: 'string', default: DEFAULT_SIMULATOR_PORT },
    verbose: { type: 'boolean', default: false },
  },
});

const stack = await startLocalStack({
  port: Number(values.port),
  simulatorPort: Number(values['simulator-port']),
  isVerbose: values.verbose,
  say: (line) => console.log(line),
});
console.log(`
Try it, in another terminal:

  export PENSTOCK_API=${stack.url}
  export PENSTOCK_KEY=${quoted(stack.adminKey)}
  curl $PENSTOCK_API/v1/chat/completions -H "authorization: Bearer $PENSTOCK_KEY" -H 'content-type: application/json' \\
    -d '{"model":"gpt-4o-mini","max_tokens":40,"messages":[{"role":"user","content":"Why is the sky blue?"}]}'
  npx penstock submit examples/support-tickets.jsonl -o answers.jsonl

Books of the simulated provider: ${stack.simulator.url}/_stats. Ctrl-C ends it.`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stack.close().then(() => process.exit(0));
  });
}

/** As one word of a shell: a generated key may hold what a shell reads. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
