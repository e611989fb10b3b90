/**
 * The official SDK with only its base URL changed. Twenty tickets are sent at once, without a
 * thought for limits: Penstock holds them back until the provider has room.
 *
 *     npm start                        in one terminal
 *     node examples/openai-sdk.ts      in another
 */

import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources';

interface BatchLine {
  readonly custom_id: string;
  readonly body: ChatCompletionCreateParamsNonStreaming;
}

const client = new OpenAI({
  baseURL: process.env['PENSTOCK_URL'] ?? 'http://127.0.0.1:8080/v1',
  apiKey: process.env['PENSTOCK_API_KEY'] ?? 'local',
  // Penstock retries, and answers a call that was repeated only once.
  maxRetries: 0,
});

const file = new URL('./support-tickets.jsonl', import.meta.url);
const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(0, 20);
const tickets = lines.map((line): BatchLine => JSON.parse(line));

await Promise.all(
  tickets.map(async ({ custom_id: ticket, body }) => {
    const answer = await client.chat.completions.create(body, { idempotencyKey: ticket });
    console.log(ticket, answer.choices[0]?.message.content);
  }),
);
