/**
 * `npm start`: the HTTP API with a simulated provider behind it, and calls to try. The state is a
 * temporary folder, gone at the end.
 */

import { createServer } from 'node:net';
import { writeConfig } from '../bench/processes/penstock-process.ts';
import { Scratch } from '../bench/processes/scratch.ts';
import { startSimulatorProcess } from '../bench/processes/simulator-process.ts';
import { TICKET_MODEL } from './tickets.ts';

const FIRST_PORT = 8_080;
const PORTS_TRIED = 20;
const LIMITS = { requestsPerMinute: 3_000, tokensPerMinute: 2_000_000 };

const scratch = new Scratch('serve');
const simulator = await startSimulatorProcess(scratch, {
  seed: 1,
  limits: { ...LIMITS, depthSeconds: 6 },
});
const configPath = writeConfig(scratch, {
  providerUrl: simulator.url,
  dialect: 'openai',
  model: TICKET_MODEL,
  limits: LIMITS,
});
const port = await freePort();
const server = scratch.start(
  'bin/penstock.js',
  ['serve', '--config', configPath, '--state', scratch.path('state'), '--port', String(port)],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
server.once('exit', (code) => process.exit(code ?? 1));
await answering(`http://127.0.0.1:${port}/healthz`);
console.log(howToTry(port));

/** The first port nobody listens on, from the one the documents name. */
async function freePort(): Promise<number> {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TRIED; port += 1) {
    const isFree = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error(
    `Ports ${FIRST_PORT} to ${FIRST_PORT + PORTS_TRIED - 1} are all in use; free one and try again.`,
  );
}

async function answering(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const isUp = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} did not answer within ten seconds; its reason is above.`);
}

function howToTry(port: number): string {
  const base = `http://127.0.0.1:${port}/v1`;
  const messages = '[{"role":"user","content":"Say hello."}]';
  return `
The provider is simulated: no key is needed and nothing is spent. Ctrl-C ends it.

  curl -s ${base}/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"${TICKET_MODEL}","messages":${messages}}'

  curl -s ${base}/requests -H 'content-type: application/json' \\
    -d '{"id":"hello-1","url":"/v1/chat/completions","body":{"model":"${TICKET_MODEL}","messages":${messages}}}'
  curl -s '${base}/requests' ; curl -s ${base}/limits ; curl -s ${base}/usage

JavaScript (npm i openai):

  import OpenAI from 'openai';
  const client = new OpenAI({ baseURL: '${base}', apiKey: 'any' });
  const answer = await client.chat.completions.create({
    model: '${TICKET_MODEL}', messages: ${messages} });
  console.log(answer.choices[0].message.content);

Python (pip install openai):

  from openai import OpenAI
  client = OpenAI(base_url="${base}", api_key="any")
  answer = client.chat.completions.create(
      model="${TICKET_MODEL}", messages=${messages})
  print(answer.choices[0].message.content)
`;
}
