import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { pythonWith } from '../../scripts/emulator/python-environment.ts';
import { API, type Caller, createCaller, MODEL, provider } from './deployed.ts';

/** A minute to the next look at the provider, its batch, and a minute to the look that sees its end. Unit: ms. */
const LONGEST_MS = 240_000;
const TEST_MS = 300_000;
const PACKAGES = {
  requirements: fileURLToPath(new URL('../integration/api/requirements.txt', import.meta.url)),
  module: 'openai, anthropic',
};
const SCRIPT = fileURLToPath(new URL('../integration/api/batch_sdks.py', import.meta.url));

let caller: Caller;
let openai: OpenAI;
let anthropic: Anthropic;
beforeAll(async () => {
  await provider.configure({ faults: [], latency: { minMs: 20, maxMs: 60 } });
  caller = await createCaller('batches');
  openai = caller.openai();
  anthropic = new Anthropic({
    baseURL: API,
    apiKey: caller.key,
    maxRetries: 0,
    // The emulator's gateway tells functions neither its scheme nor all of its path, which the address
    // of the results is made of.
    fetch: (url, init) => fetch(String(url).replace(/^https:.*?\/v1\//, `${API}/v1/`), init),
  });
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

async function start(text: string, window = '24h'): Promise<OpenAI.Batch> {
  const file = await openai.files.create({
    file: await toFile(Buffer.from(text), 'input.jsonl'),
    purpose: 'batch',
  });
  return openai.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    // The SDK knows OpenAI's one window only.
    completion_window: window as '24h',
  });
}

async function ended({ id }: { readonly id: string }): Promise<OpenAI.Batch> {
  const over = ['completed', 'failed', 'expired', 'cancelled'];
  await expect
    .poll(async () => over.includes((await openai.batches.retrieve(id)).status), {
      timeout: LONGEST_MS,
      interval: 1_000,
    })
    .toBe(true);
  return openai.batches.retrieve(id);
}

async function idsIn(fileId: string | undefined): Promise<Set<string>> {
  const text = await (await openai.files.content(fileId ?? '')).text();
  const rows = text.trimEnd().split('\n');
  return new Set(rows.map((line) => JSON.parse(line).custom_id));
}

describe.concurrent('batches of the official SDKs', () => {
  it(
    'run from a file to its output, with a day to spare at half the price',
    async ({ expect }) => {
      const batch = await ended(await start(lines(300)));
      expect(batch).toMatchObject({
        status: 'completed',
        request_counts: { total: 300, completed: 300, failed: 0 },
      });
      expect((await idsIn(batch.output_file_id)).size).toBe(300);
      const usage = await caller.fetch(`/v1/usage?batch=${batch.id}&group_by=lane`);
      const { data } = JSON.parse(await usage.text());
      expect(data).toMatchObject([{ lane: 'native', requests: 300 }]);
    },
    TEST_MS,
  );

  it(
    'run live where there is no time for more',
    async ({ expect }) => {
      const batch = await ended(await start(lines(40), '5m'));
      expect(batch.request_counts).toEqual({ total: 40, completed: 40, failed: 0 });
      expect((await idsIn(batch.output_file_id)).size).toBe(40);
    },
    TEST_MS,
  );

  it(
    'fail by their lines',
    async ({ expect }) => {
      const batch = await ended(await start(`${lines(1)}\nnonsense\n`));
      expect(batch.status).toBe('failed');
      expect(batch.errors?.data?.[0]).toMatchObject({ code: 'invalid_json_line', line: 2 });
    },
    TEST_MS,
  );

  it(
    'are cancelled, once',
    async ({ expect }) => {
      const { id } = await start(lines(50));
      expect((await openai.batches.cancel(id)).status).toBe('cancelling');
      const batch = await ended({ id });
      expect(batch.status).toBe('cancelled');
      await expect(openai.batches.cancel(id)).rejects.toMatchObject({ status: 409 });
    },
    TEST_MS,
  );

  it(
    "run messages for Anthropic's",
    async ({ expect }) => {
      const params = {
        model: 'claude-haiku-4-5',
        max_tokens: 8,
        messages: [{ role: 'user' as const, content: 'Hi' }],
      };
      const { batches } = anthropic.messages;
      const { id } = await batches.create({
        requests: [
          { custom_id: 'good', params },
          { custom_id: 'bad', params: { ...params, model: 'claude-9' } },
        ],
      });
      await expect
        .poll(async () => (await batches.retrieve(id)).processing_status, {
          timeout: LONGEST_MS,
          interval: 1_000,
        })
        .toBe('ended');
      const types: Record<string, string> = {};
      for await (const { custom_id: name, result } of await batches.results(id)) {
        types[name] = result.type;
      }
      expect(types).toEqual({ good: 'succeeded', bad: 'errored' });
    },
    TEST_MS,
  );

  it(
    'run for the one in Python from their files to their results',
    async ({ expect }) => {
      const python = await pythonWith(PACKAGES, () => undefined);
      const { key } = await createCaller('python');
      const child = spawn(python, [SCRIPT, API, key, String(LONGEST_MS / 1_000), 'openai']);
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (piece: Buffer) => {
          said += piece.toString();
        });
      }
      const [code] = await once(child, 'close');
      expect(said).toBe('all of it\n');
      expect(code).toBe(0);
    },
    TEST_MS,
  );
});
