import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inputLines } from '../cli/harness.ts';
import { SERVER_KEY, type Served, serve } from './served.ts';

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.world.close());

const ROWS = 20_000;
const clientOf = (url: string) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: SERVER_KEY, maxRetries: 0 });

it('a batch whose server is killed while it reads and runs it ends with each line answered once', async () => {
  let openai = clientOf(served.url);
  const file = await openai.files.create({
    file: await toFile(Buffer.from(inputLines(ROWS)), 'input.jsonl'),
    purpose: 'batch',
  });
  const { id } = await openai.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  for (const isReached of [
    // While it is read, while lines become requests, and while they are answered.
    () => true,
    ({ status }: OpenAI.Batch) => status !== 'validating',
    ({ request_counts: counts }: OpenAI.Batch) => (counts?.completed ?? 0) > 500,
  ]) {
    await expect
      .poll(async () => isReached(await openai.batches.retrieve(id)), {
        timeout: 60_000,
        interval: 10,
      })
      .toBe(true);
    openai = clientOf(await served.restart());
  }
  await expect
    .poll(async () => (await openai.batches.retrieve(id)).status, {
      timeout: 60_000,
      interval: 500,
    })
    .toBe('completed');
  const batch = await openai.batches.retrieve(id);
  expect(batch.request_counts).toEqual({ total: ROWS, completed: ROWS, failed: 0 });
  const text = await (await openai.files.content(batch.output_file_id ?? '')).text();
  const rows = text.trimEnd().split('\n');
  expect(rows).toHaveLength(ROWS);
  expect(new Set(rows.map((row) => JSON.parse(row).custom_id)).size).toBe(ROWS);
}, 200_000);
