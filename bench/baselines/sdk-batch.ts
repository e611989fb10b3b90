/**
 * The native batch by the official SDK as its guide has it: upload the file, create the batch, look
 * every second, read the output. A program of its own, which takes: input, output, address.
 */

import { createReadStream, createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { z } from 'zod';
import type { BaselineLine } from '../answers.ts';

const resultSchema = z.object({
  custom_id: z.string(),
  response: z
    .object({
      status_code: z.number(),
      body: z.object({
        choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })),
      }),
    })
    .nullable(),
});

const LOOK_MS = 1_000;

const [inputPath, outputPath, baseUrl] = process.argv.slice(2);
if (!inputPath || !outputPath || !baseUrl) {
  console.error('usage: sdk-batch.ts <input> <output> <base url>');
  process.exit(2);
}

const client = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'simulated' });
const file = await client.files.create({ file: createReadStream(inputPath), purpose: 'batch' });
const firstAttemptAtMs = Date.now();
let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: '/v1/chat/completions',
  completion_window: '24h',
});
while (['validating', 'in_progress', 'finalizing'].includes(batch.status)) {
  await sleep(LOOK_MS);
  batch = await client.batches.retrieve(batch.id);
}
const output = createWriteStream(outputPath);
if (batch.output_file_id) {
  const text = await (await client.files.content(batch.output_file_id)).text();
  const finishedAtMs = Date.now();
  for (const row of text.split('\n')) {
    if (row === '') continue;
    const { custom_id: customId, response } = resultSchema.parse(JSON.parse(row));
    const line: BaselineLine = {
      customId,
      isAnswered: response?.status_code === 200,
      firstAttemptAtMs,
      finishedAtMs,
      content: response?.body.choices[0]?.message.content ?? '',
    };
    output.write(`${JSON.stringify(line)}\n`);
  }
}
output.end();
await finished(output);
