/**
 * Deploys Penstock, sends a file through it with the official SDK, and prints the answers.
 *
 *     node_modules/.bin/node examples/deploy-and-ask.ts [tickets.jsonl]
 *
 * Deploys to the emulator on this machine, with a simulated provider behind it; what it started it
 * ends. With PENSTOCK_API and PENSTOCK_KEY set it deploys nothing and asks what is deployed there.
 */

import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources';
import { startLocalStack } from '../scripts/deployment/local-stack.ts';

interface BatchLine {
  readonly custom_id: string;
  readonly body: ChatCompletionCreateParamsNonStreaming;
}

const { PENSTOCK_API: deployed, PENSTOCK_KEY: key = '' } = process.env;
const [path = 'examples/support-tickets.jsonl'] = process.argv.slice(2);
const stack =
  deployed === undefined
    ? await startLocalStack({ port: 4566, isVerbose: false, say: (line) => console.log(line) })
    : null;

const client = new OpenAI({
  baseURL: `${deployed ?? stack?.url}/v1`,
  apiKey: stack?.adminKey ?? key,
  // Penstock retries, and answers a call that was repeated only once.
  maxRetries: 0,
});
const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
const tickets = lines.map((line): BatchLine => JSON.parse(line));

// All at once: Penstock lets them out at the provider's pace.
await Promise.all(
  tickets.map(async ({ custom_id: ticket, body }) => {
    const options = { headers: { 'idempotency-key': ticket } };
    const answer = await client.chat.completions.create(body, options);
    console.log(ticket, answer.choices[0]?.message.content);
  }),
);
await stack?.close();
