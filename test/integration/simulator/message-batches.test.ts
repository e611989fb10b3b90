import type Anthropic from '@anthropic-ai/sdk';
import { BadRequestError, NotFoundError, RateLimitError } from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import type { Simulator } from '../../../simulator/server.ts';
import { anthropicClient, rejection, startFrozen } from './harness.ts';

const MODEL = 'claude-haiku-4-5';
const DAY_MS = 86_400_000;

type Request = Anthropic.Messages.BatchCreateParams.Request;

function request(customId: string, extra: object = {}): Request {
  const content = `Say something. [id:${customId}]`;
  return {
    custom_id: customId,
    params: { model: MODEL, max_tokens: 40, messages: [{ role: 'user', content }], ...extra },
  };
}

function requests(count: number): Request[] {
  return Array.from({ length: count }, (_, index) => request(`r${index}`));
}

async function resultsOf(client: Anthropic, id: string) {
  const rows: Anthropic.Messages.MessageBatchIndividualResponse[] = [];
  for await (const one of await client.messages.batches.results(id)) rows.push(one);
  return rows;
}

test('a batch is processing until it ends, and then all counts move at once', async () => {
  const simulator = await startFrozen();
  const client = anthropicClient(simulator);
  const created = await client.messages.batches.create({ requests: requests(3) });
  expect(JSON.stringify(created)).toBe(
    JSON.stringify({
      id: created.id,
      type: 'message_batch',
      processing_status: 'in_progress',
      request_counts: { processing: 3, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
      ended_at: null,
      created_at: '2023-11-14T22:13:20.000000+00:00',
      expires_at: '2023-11-15T22:13:20.000000+00:00',
      archived_at: null,
      cancel_initiated_at: null,
      results_url: null,
    }),
  );
  expect(created.id).toMatch(/^msgbatch_[0-9a-f]{24}$/);
  await simulator.advance(9_000);
  const { data, response } = await client.messages.batches.retrieve(created.id).withResponse();
  expect(data.request_counts).toEqual(created.request_counts);
  expect(response.headers.get('retry-after')).toBe('10');
  expect(response.headers.get('request-id')).toMatch(/^req_/);
  const early = await fetch(`${simulator.url}/v1/messages/batches/${created.id}/results`, {
    headers: { 'anthropic-version': '2023-06-01' },
  });
  expect(early.status).toBe(400);
  await simulator.advance(1_000);
  const ended = await client.messages.batches.retrieve(created.id).withResponse();
  expect(ended.response.headers.get('retry-after')).toBeNull();
  expect(ended.data).toMatchObject({
    processing_status: 'ended',
    request_counts: { processing: 0, succeeded: 3, errored: 0, canceled: 0, expired: 0 },
    ended_at: '2023-11-14T22:13:30.000000+00:00',
    results_url: `${simulator.url}/v1/messages/batches/${created.id}/results`,
  });
  const results = await resultsOf(client, created.id);
  expect(results.map(({ custom_id }) => custom_id).toSorted()).toEqual(['r0', 'r1', 'r2']);
  expect(results[0]?.result).toMatchObject({
    type: 'succeeded',
    message: { type: 'message', model: MODEL, usage: { service_tier: 'batch' } },
  });
  const file = await fetch(ended.data.results_url ?? '', {
    headers: { 'anthropic-version': '2023-06-01' },
  });
  expect(file.headers.get('content-type')).toBe('application/x-jsonl');
  expect(file.headers.get('content-disposition')).toContain(`${created.id}_results.jsonl`);
});

test('results are kept for 29 days, a batch until it is deleted', async () => {
  const simulator = await startFrozen();
  const client = anthropicClient(simulator);
  const { id } = await client.messages.batches.create({ requests: requests(1) });
  expect(await rejection(client.messages.batches.delete(id))).toBeInstanceOf(BadRequestError);
  await simulator.advance(29 * DAY_MS);
  const archived = await client.messages.batches.retrieve(id);
  expect(archived.archived_at).toBe('2023-12-13T22:13:20.000000+00:00');
  expect(archived.results_url).toBeNull();
  expect(await client.messages.batches.delete(id)).toEqual({ id, type: 'message_batch_deleted' });
  expect(await rejection(client.messages.batches.retrieve(id))).toBeInstanceOf(NotFoundError);
});

test('lists are newest first and page both ways', async () => {
  const client = anthropicClient(await startFrozen());
  const ids: string[] = [];
  for (let index = 0; index < 5; index += 1) {
    ids.unshift((await client.messages.batches.create({ requests: requests(1) })).id);
  }
  const page = await client.messages.batches.list({ limit: 2 });
  expect(page['body']).toMatchObject({ has_more: true, first_id: ids[0], last_id: ids[1] });
  const all: string[] = [];
  for await (const { id } of client.messages.batches.list({ limit: 2 })) all.push(id);
  expect(all).toEqual(ids);
  const back = await client.messages.batches.list({ before_id: ids[3] ?? '', limit: 2 });
  expect(back.data.map(({ id }) => id)).toEqual(ids.slice(1, 3));
  expect(back.has_more).toBe(true);
  const refused = client.messages.batches.list({ limit: 1_001 });
  expect(await rejection(refused)).toBeInstanceOf(BadRequestError);
});

describe('the ends of requests', () => {
  async function run(simulator: Simulator, batch: Request[], waitMs = DAY_MS) {
    const client = anthropicClient(simulator);
    const { id } = await client.messages.batches.create({ requests: batch });
    await simulator.advance(waitMs);
    const { request_counts } = await client.messages.batches.retrieve(id);
    const results = await resultsOf(client, id);
    return { counts: request_counts, results, types: results.map(({ result }) => result.type) };
  }

  test('canceled: what was done is kept and billed', async () => {
    const simulator = await startFrozen();
    const client = anthropicClient(simulator);
    const { id } = await client.messages.batches.create({ requests: requests(10) });
    await simulator.advance(4_000);
    expect(await client.messages.batches.cancel(id)).toMatchObject({
      processing_status: 'canceling',
      cancel_initiated_at: '2023-11-14T22:13:24.000000+00:00',
      request_counts: { processing: 10 },
    });
    await simulator.advance(10_000);
    const { request_counts } = await client.messages.batches.retrieve(id);
    expect(request_counts).toEqual({
      processing: 0,
      succeeded: 4,
      errored: 0,
      canceled: 6,
      expired: 0,
    });
    const results = await resultsOf(client, id);
    expect(results.filter(({ result }) => result.type === 'canceled')).toHaveLength(6);
    expect(simulator.stats().billed).toBe(4);
    expect(await rejection(client.messages.batches.cancel(id))).toBeInstanceOf(BadRequestError);
  });

  test('expired', async () => {
    const simulator = await startFrozen({ batches: { script: ['expired'] } });
    const { counts, types } = await run(simulator, requests(4));
    expect(counts).toEqual({ processing: 0, succeeded: 2, errored: 0, canceled: 0, expired: 2 });
    expect(types.toSorted()).toEqual(['expired', 'expired', 'succeeded', 'succeeded']);
  });

  test('errored, with the error inside an error response', async () => {
    const simulator = await startFrozen({ batches: { script: ['errors_only'] } });
    const { counts, results } = await run(simulator, requests(2));
    expect(counts.errored).toBe(2);
    expect(results[0]?.result).toEqual({
      type: 'errored',
      error: {
        type: 'error',
        error: { type: expect.stringMatching(/_error$/), message: expect.any(String) },
        request_id: expect.stringMatching(/^req_[0-9a-f]{32}$/),
      },
    });
    expect(simulator.stats().billed).toBe(0);
  });

  test('bad parameters are found late, each by itself', async () => {
    const bad = [
      request('stream', { stream: true }),
      request('fast', { speed: 'fast' }),
      request('zero', { max_tokens: 0 }),
      request('none', { messages: [] }),
      request('good'),
    ];
    const { results } = await run(await startFrozen(), bad);
    const types = Object.fromEntries(
      results.map(({ custom_id, result }) => [
        custom_id,
        result.type === 'errored' ? result.error.error.type : result.type,
      ]),
    );
    expect(types).toEqual({
      stream: 'invalid_request_error',
      fast: 'invalid_request_error',
      zero: 'invalid_request_error',
      none: 'invalid_request_error',
      good: 'succeeded',
    });
  });

  test('out of credit: every request, as an invalid one', async () => {
    const { results } = await run(
      await startFrozen({ batches: { script: ['failed'] } }),
      requests(2),
    );
    expect(JSON.stringify(results)).toContain('credit balance is too low');
  });

  test('a request may be missing from the results', async () => {
    const script = [{ rowKinds: ['absent' as const] }];
    const { counts, results } = await run(await startFrozen({ batches: { script } }), requests(2));
    expect(counts.succeeded).toBe(2);
    expect(results.map(({ custom_id }) => custom_id)).toEqual(['r1']);
  });

  test('a batch that sticks never ends', async () => {
    const simulator = await startFrozen({ batches: { script: ['stuck'] } });
    const client = anthropicClient(simulator);
    const { id } = await client.messages.batches.create({ requests: requests(2) });
    await simulator.advance(2 * DAY_MS);
    expect((await client.messages.batches.retrieve(id)).processing_status).toBe('in_progress');
  });
});

describe('what creation refuses', () => {
  test.each([
    [[request('a b')], /requests\.0\.custom_id: String should match pattern/],
    [[request('a'), request('x'.repeat(65))], /requests\.1\.custom_id: String should match/],
    [[request('a'), request('b'), request('a')], /requests\.2\.custom_id: /],
    [[], /requests: /],
    [requests(4), /requests: .*at most 3/],
  ])('%#', async (batch, message) => {
    const simulator = await startFrozen({ batches: { maxRequests: 3 } });
    const created = anthropicClient(simulator).messages.batches.create({ requests: batch });
    const error = await rejection(created);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(String(error)).toMatch(message);
    expect(simulator.stats().batches.created).toBe(0);
  });

  test('more requests than the queue holds', async () => {
    const simulator = await startFrozen({ batches: { queuedRequests: 3 } });
    const { batches } = anthropicClient(simulator).messages;
    await batches.create({ requests: requests(2) });
    const refused = await rejection(batches.create({ requests: requests(2) }));
    expect(refused).toBeInstanceOf(RateLimitError);
    await simulator.advance(10_000);
    await batches.create({ requests: requests(2) });
    expect(simulator.stats().batches.queuedRequests).toBe(2);
  });
});

describe('prompt caches', () => {
  const system = (ttl?: '1h') => [
    {
      type: 'text' as const,
      text: 'Rules. '.repeat(1_000),
      cache_control: { type: 'ephemeral' as const, ...(ttl && { ttl }) },
    },
  ];
  const sharing = (count: number, ttl?: '1h') =>
    requests(count).map(({ custom_id }) => request(custom_id, { system: system(ttl) }));

  test('a cold prefix is written by every request that shares it', async () => {
    const simulator = await startFrozen();
    const client = anthropicClient(simulator);
    await client.messages.batches.create({ requests: sharing(10) });
    await simulator.advance(10_000);
    const { cacheWrite5m, cachedInput } = simulator.stats().tokens;
    expect(cacheWrite5m).toBe(10 * 1_750);
    expect(cachedInput).toBe(0);
  });

  test('a batch of one warms it for an hour, and every request of the next one reads it', async () => {
    const simulator = await startFrozen();
    const client = anthropicClient(simulator);
    await client.messages.batches.create({ requests: sharing(1, '1h') });
    await simulator.advance(10_000);
    await client.messages.batches.create({ requests: sharing(10, '1h') });
    await simulator.advance(10_000);
    const { cacheWrite1h, cachedInput } = simulator.stats().tokens;
    expect(cacheWrite1h).toBe(1_750);
    expect(cachedInput).toBe(10 * 1_750);
  });

  test('five minutes are over before a slow batch begins', async () => {
    const simulator = await startFrozen({
      batches: { script: [null, { turnaroundMs: 3_600_000 }] },
    });
    const client = anthropicClient(simulator);
    await client.messages.batches.create({ requests: sharing(1) });
    await simulator.advance(10_000);
    await client.messages.batches.create({ requests: sharing(5) });
    await simulator.advance(3_600_000);
    expect(simulator.stats().tokens.cachedInput).toBe(0);
  });
});

test('a batch costs half', async () => {
  const simulator = await startFrozen();
  const client = anthropicClient(simulator);
  await client.messages.batches.create({ requests: requests(10) });
  await simulator.advance(10_000);
  const { tokens, costMicroUsd, batches } = simulator.stats();
  expect(costMicroUsd).toBe(Math.round((tokens.input * 1 + tokens.output * 5) / 2));
  expect(batches.costMicroUsd).toBe(costMicroUsd);
});
