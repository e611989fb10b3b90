import { beforeAll, describe, expect, it } from 'vitest';
import { type Caller, chat, createCaller, MODEL, provider } from './deployed.ts';

let caller: Caller;
beforeAll(async () => {
  await provider.configure({ faults: [], latency: { minMs: 20, maxMs: 60 } });
  caller = await createCaller('requests');
});

describe('cancelling', () => {
  it('ends a request that waits, and says that it is too late afterwards', async () => {
    await provider.configure({ faults: 'http429=30s:1' });
    const { id } = (await (await caller.submit(chat('late'))).json()) as { id: string };
    const cancelled = await caller.fetch(`/v1/requests/${id}`, { method: 'DELETE' });
    await provider.configure({ faults: [] });
    expect(cancelled.status).toBe(200);
    expect(await cancelled.json()).toMatchObject({ id, status: 'cancelled' });
    const again = await caller.fetch(`/v1/requests/${id}`, { method: 'DELETE' });
    expect(again.status).toBe(409);
    expect((await caller.ended(id)).status).toBe('cancelled');
  });
});

describe('lists and sums', () => {
  it('finds requests by tag and status, page by page, and books what they cost', async () => {
    const tag = `t${Date.now()}`;
    const items = Array.from({ length: 25 }, (_, index) => chat(`g-${index}`, { tags: [tag] }));
    const batch = `sums-${tag}`;
    await caller.submitMany(JSON.stringify(items), 'application/json', { 'penstock-batch': batch });
    await caller.drained(batch, 120_000);

    const pages: { id: string; cost_micro_usd: number }[] = [];
    let after = '';
    for (;;) {
      const query = `tag=${tag}&status=succeeded&limit=10${after}`;
      const page = (await (await caller.fetch(`/v1/requests?${query}`)).json()) as {
        data: typeof pages;
        has_more: boolean;
        last_id: string;
      };
      pages.push(...page.data);
      if (!page.has_more) break;
      after = `&after=${page.last_id}`;
    }
    expect(pages.length).toBe(25);
    expect(new Set(pages.map(({ id }) => id)).size).toBe(25);

    const usage = (await (await caller.fetch('/v1/usage?group_by=tag,model')).json()) as {
      data: { tag: string; model: string; requests: number; cost_micro_usd: number }[];
    };
    const cost = pages.reduce((sum, row) => sum + row.cost_micro_usd, 0);
    expect(usage.data.find((row) => row.tag === tag)).toMatchObject({
      model: MODEL,
      requests: 25,
      cost_micro_usd: cost,
    });
  });

  it('shows models and limits', async () => {
    const models = (await (await caller.fetch('/v1/models')).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toContain(MODEL);
    const limits = (await (await caller.fetch('/v1/limits')).json()) as {
      data: { model: string; limits: { name: string; per_minute: number }[] }[];
    };
    const own = limits.data.find(({ model }) => model === MODEL);
    expect(own?.limits.map(({ name }) => name)).toContain('requests');
  });
});

describe('the official SDK, with base URL and key changed', () => {
  it('completes, embeds and lists models', async () => {
    const client = caller.openai();
    const completion = await client.chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'Say hello. [id:sdk]' }],
      max_tokens: 40,
    });
    expect(completion.choices[0]?.message.content).toContain('[id:sdk]');
    const embedding = await client.embeddings.create({
      model: 'text-embedding-3-small',
      input: 'hello',
    });
    expect(embedding.data[0]?.embedding.length).toBeGreaterThan(10);
    const names: string[] = [];
    for await (const { id } of client.models.list()) names.push(id);
    expect(names).toContain(MODEL);
  });

  it('gets an error it can read', async () => {
    const client = caller.openai();
    await expect(
      client.chat.completions.create({ model: 'no-such-model', messages: [] }),
    ).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

describe('hostile bodies', () => {
  const bodies: [what: string, body: string][] = [
    ['no JSON', '{"endpoint": "/v1/chat/completions", "body": {'],
    ['nesting of 3,000', `${'['.repeat(3_000)}${']'.repeat(3_000)}`],
    ['a prototype', '{"endpoint":"/v1/chat/completions","__proto__":{"a":1},"body":{}}'],
    ['a number beyond numbers', '{"endpoint":"/v1/chat/completions","body":{"n":1e400}}'],
    ['half a character', '{"endpoint":"/v1/chat/completions","custom_id":"\\ud83d","body":{}}'],
    ['100,000 keys', `{${Array.from({ length: 100_000 }, (_, key) => `"k${key}":1`).join(',')}}`],
  ];
  it.each(bodies)('%s is refused as the fault of its sender', async (_, body) => {
    const response = await caller.fetch('/v1/requests', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
    expect(await response.json()).toMatchObject({ code: expect.any(String) });
  });

  it('a body past the limit is told the limit and the other way', async () => {
    const response = await caller.fetch('/v1/requests', {
      method: 'POST',
      headers: { 'content-type': 'application/jsonl' },
      body: `${JSON.stringify(chat('x'))}\n`.repeat(30_000),
    });
    expect(response.status).toBe(413);
    expect(JSON.stringify(await response.json())).toContain('/v1/requests/uploads');
  });
});
