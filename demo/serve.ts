/** `npm start`: Penstock's HTTP API on this machine, with a simulated provider behind it. */

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { stringify } from 'yaml';
import { Scratch } from '../bench/processes/scratch.ts';
import { startSimulatorProcess } from '../bench/processes/simulator-process.ts';
import { DEMO_LIMITS, DEMO_PROVIDER } from './provider.ts';
import { snippets } from './snippets.ts';
import { TICKET_MODEL } from './tickets.ts';

const HOST = '127.0.0.1';
const FIRST_PORT = 8_080;
const LAST_PORT = 8_099;

// Ctrl-C is the ordinary way to end this, so it is no failure. Said before the folder's own handler.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0));
const scratch = new Scratch('start');

const simulator = await startSimulatorProcess(scratch, DEMO_PROVIDER);
const configPath = scratch.path('penstock.yaml');
const provider = 'simulated';
writeFileSync(
  configPath,
  stringify({
    providers: {
      [provider]: { dialect: 'openai', baseUrl: `${simulator.url}/v1`, apiKey: 'simulated' },
    },
    models: { [TICKET_MODEL]: { provider, limits: DEMO_LIMITS } },
  }),
);
const port = await firstFreePort();
const penstock = scratch.start(
  'bin/penstock.js',
  [
    ...['serve', '--config', configPath, '--state', scratch.path('state')],
    ...['--host', HOST, '--port', String(port)],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
if (penstock.stdout === null) throw new Error('penstock serve was started without its output.');
const ended = once(penstock, 'exit');
const isUp = await Promise.race([
  once(penstock.stdout, 'data').then(() => true),
  ended.then(() => false),
]);
if (isUp) {
  penstock.stdout.resume();
  const url = `http://${HOST}:${port}`;
  console.log(`Penstock listens on ${url}, with a simulated provider behind it: no key, no cost.`);
  for (const { title, code } of snippets(`${url}/v1`, TICKET_MODEL)) {
    console.log(`\n# ${title}\n\n${code}`);
  }
  console.log('\n# A file within 24 hours, at half the price\n\nnpx node examples/openai-batch.ts');
  console.log('\nCtrl-C ends both.');
}
const [code] = await ended;
scratch.dispose();
process.exitCode = typeof code === 'number' ? code : 1;

/** Port 8080, or the next one that nobody holds. */
async function firstFreePort(): Promise<number> {
  for (let candidate = FIRST_PORT; candidate <= LAST_PORT; candidate += 1) {
    if (await isFree(candidate)) return candidate;
  }
  throw new Error(`Ports ${FIRST_PORT} to ${LAST_PORT} are all taken; end what holds one of them.`);
}

function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, HOST, () => probe.close(() => resolve(true)));
  });
}
