import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulator } from '../../../simulator/server.ts';
import { deployFunctions } from '../../support/deployed-functions.ts';
import { inputLines } from '../cli/harness.ts';

/** Live only: the tick of native batches is tried elsewhere. */
const LIMITS = 'limits: { requestsPerMinute: 600000, tokensPerMinute: 900000000 }, lanes: [live]';

let simulator: Awaited<ReturnType<typeof startSimulator>>;
let deployed: Awaited<ReturnType<typeof deployFunctions>>;

beforeAll(async () => {
  simulator = await startSimulator({ latency: { minMs: 1, maxMs: 4 } });
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
  it('run from the file to the output', async () => {
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

  it('says where files too large for a call go', async () => {
    const { status, json } = await deployed.call('/v1/files', {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
      body: new Uint8Array(4_400_000),
    });
    expect([status, json.error.message]).toEqual([413, expect.stringContaining('/v1/uploads')]);
  });
});
