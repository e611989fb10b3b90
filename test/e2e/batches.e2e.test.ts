import OpenAI, { toFile } from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { API, createCaller, MODEL, provider } from './deployed.ts';

let openai: OpenAI;
beforeAll(async () => {
  await provider.configure({ faults: [], latency: { minMs: 20, maxMs: 60 } });
  const { key } = await createCaller('batches');
  openai = new OpenAI({ baseURL: `${API}/v1`, apiKey: key, maxRetries: 0 });
});

const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      custom_id: `row-${index}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: MODEL, max_tokens: 8, messages: [{ role: 'user', content: `Say ${index}.` }] },
    }),
  ).join('\n');

async function ended(text: string): Promise<OpenAI.Batch> {
  const file = await openai.files.create({
    file: await toFile(Buffer.from(text), 'input.jsonl'),
    purpose: 'batch',
  });
  const { id } = await openai.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  const over = ['completed', 'failed', 'expired', 'cancelled'];
  await expect
    .poll(async () => over.includes((await openai.batches.retrieve(id)).status), {
      timeout: 150_000,
      interval: 1_000,
    })
    .toBe(true);
  return openai.batches.retrieve(id);
}

describe("batches of OpenAI's SDK", () => {
  it('run to their end', async () => {
    const batch = await ended(lines(300));
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: 300, completed: 300, failed: 0 },
    });
    const text = await (await openai.files.content(batch.output_file_id ?? '')).text();
    const ids = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).custom_id);
    expect(new Set(ids).size).toBe(300);
  }, 180_000);

  it('fail by their lines', async () => {
    const batch = await ended(`${lines(1)}\nnonsense\n`);
    expect(batch.status).toBe('failed');
    expect(batch.errors?.data?.[0]).toMatchObject({ code: 'invalid_json_line', line: 2 });
  }, 180_000);
});
