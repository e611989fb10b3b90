import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startSimulator } from '../../../simulator/server.ts';
import { deployFunctions } from '../../support/deployed-functions.ts';
import { inputLines } from '../cli/harness.ts';

const NATIVE_MODEL = 'gpt-4.1-mini';
/** Of it, in the live lane. Unit: micro-USD per token. */
const PRICE = { input: 0.4, output: 1.6 };
const LIMITS = 'limits: { requestsPerMinute: 600000, tokensPerMinute: 900000000 }';

let simulator: Awaited<ReturnType<typeof startSimulator>>;
let deployed: Awaited<ReturnType<typeof deployFunctions>>;

beforeAll(async () => {
  simulator = await startSimulator({
    latency: { minMs: 1, maxMs: 4 },
    batches: {
      turnaround: { minMs: 1_000, maxMs: 1_100 },
      validationMs: 100,
      finalizingMs: 100,
      cancellingMs: 200,
    },
  });
  deployed = await deployFunctions(`
providers:
  openai: { dialect: openai, baseUrl: "${simulator.url}/v1", apiKey: none }
  claude: { dialect: anthropic, baseUrl: "${simulator.url}", apiKey: none }
models:
  gpt-4o-mini: { provider: openai, ${LIMITS}, lanes: [live] }
  gpt-4.1-mini: { provider: openai, ${LIMITS}, lanes: [live, native] }
  claude-haiku-4-5: { provider: claude, ${LIMITS}, lanes: [live] }
`);
});
afterAll(() => simulator.close());

async function upload(text: string): Promise<string> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new File([text], 'input.jsonl'));
  const request = new Request('http://api.test', { method: 'POST', body: form });
  const { status, json } = await deployed.call('/v1/files', {
    method: 'POST',
    headers: { 'content-type': request.headers.get('content-type') ?? '' },
    body: new Uint8Array(await request.arrayBuffer()),
  });
  expect(status).toBe(200);
  return json.id;
}
async function start(text: string): Promise<string> {
  const body = {
    input_file_id: await upload(text),
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  };
  return (await deployed.call('/v1/batches', { method: 'POST', body })).json.id;
}
async function dispatchAll(): Promise<void> {
  for (;;) {
    const bodies = await deployed.takeMessages();
    if (bodies.length === 0) return;
    await deployed.dispatch(bodies);
  }
}

describe('batches, as functions move them on', () => {
  it('run from the file to the output, and tell of their end', async () => {
    // An address, so that no name server is asked; nothing is sent to it: it is removed in time.
    const wish = { url: 'https://8.8.8.8/hook' };
    const { json: hook } = await deployed.call('/v1/webhooks', { method: 'POST', body: wish });
    const id = await start(inputLines(600));
    await deployed.moveBatches();
    const running = await deployed.call(`/v1/batches/${id}`);
    expect(running.json).toMatchObject({ status: 'in_progress', request_counts: { total: 600 } });
    await dispatchAll();
    // The sweeper rings for what has not ended.
    await deployed.sweep();
    await deployed.moveBatches();
    const { json: batch } = await deployed.call(`/v1/batches/${id}`);
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: 600, completed: 600, failed: 0 },
    });
    const { text: rows } = await deployed.call(`/v1/files/${batch.output_file_id}/content`);
    const ids = rows
      .trimEnd()
      .split('\n')
      .map((line: string) => JSON.parse(line).custom_id);
    expect(new Set(ids).size).toBe(600);
    const { json: told } = await deployed.call(`/v1/webhooks/${hook.id}/deliveries`);
    expect(told.data).toMatchObject([{ type: 'batch.completed', status: 'pending', attempts: 0 }]);
    await deployed.call(`/v1/webhooks/${hook.id}`, { method: 'DELETE' });
    // Once that is told nobody is woken for it.
    await deployed.sweep();
    expect(await deployed.takeMessages([deployed.batchQueueUrl])).toEqual([]);
  });

  it('go on from a checkpoint where a function’s time ended', async () => {
    const id = await start(inputLines(3_000));
    for (let turn = 0; turn < 8; turn += 1) {
      // No time at all: each invocation does one step and keeps its place.
      await deployed.moveBatches(1_000);
      await deployed.sweep();
    }
    await deployed.moveBatches();
    await dispatchAll();
    await deployed.sweep();
    await deployed.moveBatches();
    const { json: batch } = await deployed.call(`/v1/batches/${id}`);
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: 3_000, completed: 3_000 },
    });
  });

  it('fail by their lines, and are cancelled before they begin', async () => {
    const bad = await start('nonsense\n');
    const early = await start(inputLines(5));
    await deployed.call(`/v1/batches/${early}/cancel`, { method: 'POST' });
    await deployed.moveBatches();
    const failed = await deployed.call(`/v1/batches/${bad}`);
    expect(failed.json).toMatchObject({ status: 'failed', errors: { data: [{ line: 1 }] } });
    const cancelled = await deployed.call(`/v1/batches/${early}`);
    expect(cancelled.json).toMatchObject({ status: 'cancelled', request_counts: { total: 0 } });
  });

  it('of messages give their results', async () => {
    const params = {
      model: 'claude-haiku-4-5',
      max_tokens: 8,
      messages: [{ role: 'user', content: 'Hi' }],
    };
    const requests = [
      { custom_id: 'good', params },
      { custom_id: 'bad', params: { ...params, model: 'no-such' } },
    ];
    const made = await deployed.call('/v1/messages/batches', {
      method: 'POST',
      body: { requests },
    });
    await deployed.moveBatches();
    await dispatchAll();
    await deployed.sweep();
    await deployed.moveBatches();
    const { text } = await deployed.call(`/v1/messages/batches/${made.json.id}/results`);
    const types = text
      .trimEnd()
      .split('\n')
      .map((line: string) => JSON.parse(line))
      .map(({ custom_id, result }: Record<string, { type: string }>) => [custom_id, result?.type]);
    expect(Object.fromEntries(types)).toEqual({ good: 'succeeded', bad: 'errored' });
  });

  describe('of a model with a native lane', () => {
    // Rows are gathered for up to five minutes, and calls under way have their grace; no test waits.
    const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    });
    afterEach(() => {
      vi.useRealTimers();
    });
    const begun = async (count: number): Promise<string> => {
      const id = await start(inputLines(count, { model: NATIVE_MODEL }));
      await deployed.moveBatches();
      expect(await deployed.takeMessages()).toEqual([]);
      later(300_000);
      expect(await deployed.poll()).toMatchObject({ built: 1, submitted: 1, failed: 0 });
      return id;
    };
    const pollUntil = async (isOver: () => Promise<boolean>): Promise<void> => {
      const untilMs = performance.now() + 20_000;
      while (!(await isOver()) && performance.now() < untilMs) {
        await delay(200);
        later(1_000);
        await deployed.poll();
      }
    };
    const countsOf = async (id: string) => {
      const { json } = await deployed.call(`/v1/requests/counts?batch=${id}`);
      return json;
    };

    it('go to the provider as one batch, at half the price', async () => {
      const { received } = simulator.stats();
      const id = await begun(300);
      await pollUntil(async () => (await countsOf(id)).succeeded === 300);
      await deployed.sweep();
      await deployed.moveBatches();
      const { json: batch } = await deployed.call(`/v1/batches/${id}`);
      expect(batch).toMatchObject({
        status: 'completed',
        request_counts: { total: 300, completed: 300, failed: 0 },
      });
      const { usage, x_penstock: extra } = batch;
      const full = usage.input_tokens * PRICE.input + usage.output_tokens * PRICE.output;
      expect(extra.cost_micro_usd / full).toBeCloseTo(0.5, 1);
      const { batches, received: now } = simulator.stats();
      expect(batches.created).toBe(1);
      expect(now - received).toBeLessThan(100);
    });

    it('are cancelled though their rows are with the provider', async () => {
      const id = await begun(40);
      const path = `/v1/batches/${id}`;
      expect(await countsOf(id)).toMatchObject({ running: 40 });
      await deployed.call(`${path}/cancel`, { method: 'POST' });
      await deployed.moveBatches();
      expect((await deployed.call(path)).json.status).toBe('cancelling');
      later(31_000);
      await deployed.call(`${path}/cancel`, { method: 'POST' });
      await deployed.moveBatches();
      const { json: batch } = await deployed.call(path);
      expect(batch).toMatchObject({
        status: 'cancelled',
        x_penstock: { counts: { cancelled: 40 } },
      });
      // What the provider answers after all changes nothing.
      await pollUntil(async () => (await deployed.poll()).settled === 0);
      expect(await countsOf(id)).toMatchObject({ cancelled: 40, succeeded: 0, running: 0 });
    });
  });

  it('says where files too large for a call go', async () => {
    const { status, json } = await deployed.call('/v1/files', {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
      body: new Uint8Array(4_400_000),
    });
    expect([status, json.error.message]).toEqual([413, expect.stringContaining('/v1/uploads')]);
  });
});
