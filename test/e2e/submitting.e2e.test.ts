import { beforeAll, describe, expect, it } from 'vitest';
import { type Caller, chat, createCaller, provider } from './deployed.ts';

let caller: Caller;
beforeAll(async () => {
  await provider.configure({ faults: [], latency: { minMs: 20, maxMs: 60 } });
  caller = await createCaller('submitting');
});

describe('one request', () => {
  it('is accepted at once and answered while its caller waits', async () => {
    const response = await caller.submit(chat('one'));
    expect(response.status).toBe(202);
    const { id } = (await response.json()) as { id: string };
    const location = new URL(response.headers.get('location') ?? '', response.url);
    expect(location.pathname).toBe(`${new URL(response.url).pathname}/${id}`);
    const request = await caller.ended(id);
    expect(request).toMatchObject({ status: 'succeeded', custom_id: 'one', attempts: 1 });
    expect(request.cost_micro_usd).toBeGreaterThan(0);
    expect(JSON.stringify(request.result?.body)).toContain('[id:one]');
  });

  it('is named by its field when it is wrong', async () => {
    const response = await caller.submit(chat('bad', { lane: 'slow' }));
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await response.json()) as { errors: { pointer: string }[] };
    expect(problem.errors[0]?.pointer).toBe('/lane');
  });
});

describe('many requests', () => {
  it('takes an array of 500, bad ones apart, and answers each once', async () => {
    await provider.reset();
    const batch = `array-${Date.now()}`;
    const items = Array.from({ length: 500 }, (_, index) => chat(`a-${index}`));
    items[7] = chat('a-7', { body: { model: 'no-such-model', messages: [] } });
    const list = await caller.submitMany(JSON.stringify(items), 'application/json', {
      'penstock-batch': batch,
    });
    expect(list).toMatchObject({ status: 202, accepted: 499, refused: 1 });
    expect(list.data[7]).toMatchObject({ id: null, status: 'refused' });
    const counts = await caller.drained(batch, 120_000);
    expect(counts).toMatchObject({ succeeded: 499, failed: 0, queued: 0, running: 0 });
    const stats = await provider.stats();
    expect(stats).toMatchObject({ billed: 499, duplicates: 0 });
  });

  it('takes 5,000 lines within seconds, and hands all results back as lines', async () => {
    await provider.reset();
    const batch = `lines-${Date.now()}`;
    const lines = Array.from({ length: 5_000 }, (_, index) => JSON.stringify(chat(`l-${index}`)));
    const startedAtMs = Date.now();
    const list = await caller.submitMany(lines.join('\n'), 'application/jsonl', {
      'penstock-batch': batch,
    });
    const acceptedMs = Date.now() - startedAtMs;
    console.log(`5,000 lines accepted in ${acceptedMs} ms`);
    expect(list).toMatchObject({ status: 202, accepted: 5_000, refused: 0 });
    const counts = await caller.drained(batch, 240_000);
    console.log(`5,000 lines answered in ${Date.now() - startedAtMs} ms`);
    expect(counts).toMatchObject({ succeeded: 5_000, failed: 0 });
    expect(await provider.stats()).toMatchObject({ billed: 5_000, duplicates: 0 });

    const seen = await resultsOf(caller, batch);
    expect(seen.length).toBe(5_000);
    expect(new Set(seen).size).toBe(5_000);
  });
});

/** The custom_ids of all result lines of a batch, page by page. */
async function resultsOf(from: Caller, batch: string): Promise<string[]> {
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const cursor: string = after === null ? '' : `&after=${encodeURIComponent(after)}`;
    const response: Response = await from.fetch(`/v1/results?batch=${batch}${cursor}`);
    expect(response.status).toBe(200);
    const text = await response.text();
    for (const line of text.split('\n').filter((part) => part !== '')) {
      const row = JSON.parse(line) as { custom_id: string; response: { status_code: number } };
      expect(row.response.status_code).toBe(200);
      ids.push(row.custom_id);
    }
    after = response.headers.get('penstock-next');
  } while (after !== null);
  return ids;
}
