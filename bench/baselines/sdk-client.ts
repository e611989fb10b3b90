/**
 * The naive ways to answer a file, by the official SDK as it comes: one request after the other,
 * all at once, or through a pool of a fixed size. A program of its own, so that its CPU and memory
 * are measured like the product's. It takes: input, output, address, in flight at most, retries.
 */

import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources';
import { z } from 'zod';
import type { BaselineLine } from '../answers.ts';

const requestSchema = z.object({
  custom_id: z.string(),
  body: z.custom<ChatCompletionCreateParamsNonStreaming>(
    (body) => typeof body === 'object' && body !== null && 'messages' in body,
    'must be the body of a chat completion',
  ),
});
type InputLine = z.output<typeof requestSchema>;

const [inputPath, outputPath, baseUrl, inFlightText, retriesText] = process.argv.slice(2);
if (!inputPath || !outputPath || !baseUrl || !inFlightText || !retriesText) {
  console.error(
    'usage: sdk-client.ts <input> <output> <base url> <in flight | all> <retries | default>',
  );
  process.exit(2);
}

const client = new OpenAI({
  baseURL: `${baseUrl}/v1`,
  apiKey: 'simulated',
  ...(retriesText === 'default' ? {} : { maxRetries: Number(retriesText) }),
});

const output = createWriteStream(outputPath);
const requests: InputLine[] = [];
for await (const text of createInterface(createReadStream(inputPath))) {
  requests.push(requestSchema.parse(JSON.parse(text)));
}
const workers = inFlightText === 'all' ? requests.length : Number(inFlightText);
const queue = requests[Symbol.iterator]();
await Promise.all(Array.from({ length: workers }, work));
output.end();
await finished(output);

async function work(): Promise<void> {
  for (const { custom_id: customId, body } of queue) {
    const firstAttemptAtMs = Date.now();
    const content = await answer(body);
    const line: BaselineLine = {
      customId,
      isAnswered: content !== null,
      firstAttemptAtMs,
      finishedAtMs: Date.now(),
      content: content ?? '',
    };
    output.write(`${JSON.stringify(line)}\n`);
  }
}

/** The text of the answer, or `null` once the SDK has given up. */
async function answer(body: ChatCompletionCreateParamsNonStreaming): Promise<string | null> {
  try {
    const completion = await client.chat.completions.create(body);
    return completion.choices[0]?.message.content ?? '';
  } catch (error) {
    if (error instanceof OpenAI.APIError) return null;
    throw error;
  }
}
