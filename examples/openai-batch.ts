/**
 * A batch with the official SDK, with only its base URL changed. The window is any you like, the
 * file may mix models and providers, and the output can be read while the batch runs.
 *
 *     npm start                         in one terminal
 *     node examples/openai-batch.ts     in another
 */

import { createReadStream } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: process.env['PENSTOCK_URL'] ?? 'http://127.0.0.1:8080/v1',
  apiKey: process.env['PENSTOCK_API_KEY'] ?? 'local',
});

const file = await client.files.create({
  file: createReadStream(new URL('./support-tickets.jsonl', import.meta.url)),
  purpose: 'batch',
});
let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: '/v1/chat/completions',
  completion_window: '24h',
  metadata: { from: 'examples' },
});
while (['validating', 'in_progress', 'finalizing'].includes(batch.status)) {
  await setTimeout(1_000);
  batch = await client.batches.retrieve(batch.id);
  const { completed = 0, total = 0, failed = 0 } = batch.request_counts ?? {};
  console.log(`${batch.status}: ${completed} of ${total}, ${failed} failed`);
}

for (const { line, code, message } of batch.errors?.data ?? []) {
  console.log(`line ${line}: ${code}: ${message}`);
}
if (batch.output_file_id) {
  const text = await (await client.files.content(batch.output_file_id)).text();
  for (const line of text.trimEnd().split('\n').slice(0, 5)) {
    const row = JSON.parse(line);
    console.log(row.custom_id, row.response.body.choices[0].message.content);
  }
  console.log(batch.usage);
}
// Beyond what the SDK knows: what it cost. With a day to spare it is half the price of calls.
const { x_penstock: extra } = JSON.parse(JSON.stringify(batch));
console.log(`cost: $${((extra.cost_micro_usd ?? 0) / 1e6).toFixed(4)}`);
for (const { message } of extra.warnings) console.log(`warning: ${message}`);
