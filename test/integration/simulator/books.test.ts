import { describe, expect, test } from 'vitest';
import {
  chat,
  createHeldClock,
  createTestClock,
  MODEL,
  openAiClient,
  post,
  rejection,
  start,
  until,
} from './harness.ts';

const PATH = '/v1/chat/completions';

describe('tokens and money', () => {
  test('are the sums of what the answers said, to the micro-dollar', async () => {
    const clock = createTestClock();
    const simulator = await start({}, clock);
    const client = openAiClient(simulator);
    const sums = { input: 0, cached: 0, output: 0 };
    for (let id = 0; id < 25; id += 1) {
      const answer = await client.chat.completions.create({
        model: MODEL,
        messages: [
          { role: 'system', content: 'Be exact. '.repeat(450) },
          { role: 'user', content: `question [id:q${id}]` },
        ],
      });
      const {
        prompt_tokens = 0,
        completion_tokens = 0,
        prompt_tokens_details,
      } = answer.usage ?? {};
      const cached = prompt_tokens_details?.cached_tokens ?? 0;
      sums.cached += cached;
      sums.input += prompt_tokens - cached;
      sums.output += completion_tokens;
    }
    const stats = simulator.stats();
    expect(sums.cached).toBe(24 * 1_024);
    expect(stats.tokens).toMatchObject({
      input: sums.input,
      cachedInput: sums.cached,
      output: sums.output,
    });
    const { input, cached, output } = sums;
    expect(stats.costMicroUsd).toBe(Math.round(input * 0.15 + cached * 0.075 + output * 0.6));
  });

  test('a model without a price is counted, not guessed', async () => {
    const simulator = await start();
    await post(simulator, PATH, chat('p', { model: 'unheard-of' }));
    expect(simulator.stats()).toMatchObject({ billed: 1, unpriced: 1, costMicroUsd: 0 });
  });
});

describe('utilization', () => {
  test('is what was admitted over burst plus refill until the last admission', async () => {
    const clock = createTestClock();
    const simulator = await start(
      {
        limits: { tokensPerMinute: 6_000, requestsPerMinute: 600, depthSeconds: 6 },
        latency: { minMs: 0, maxMs: 0 },
      },
      clock,
    );
    for (let id = 0; id < 10; id += 1) {
      if (id > 0) clock.advance(1_000);
      expect((await post(simulator, PATH, chat(`u${id}`, { max_tokens: 100 }))).status).toBe(200);
    }
    clock.advance(60_000);
    const stats = simulator.stats();
    // 9 s at 100 tokens a second on top of a burst of 600; the idle minute afterwards is nobody's.
    expect(stats.models[MODEL]?.buckets.totalTokens).toEqual({
      limit: 6_000,
      capacity: 600,
      admitted: 1_000,
      offered: 1_500,
      utilization: 1_000 / 1_500,
    });
    expect(stats.models[MODEL]?.buckets.requests).toMatchObject({ admitted: 10, offered: 150 });
    expect((stats.lastAdmissionAtMs ?? 0) - (stats.firstAdmissionAtMs ?? 0)).toBe(9_000);
  });
});

describe('429s', () => {
  test('are counted by reason, and apart when a retry-after was in force', async () => {
    const clock = createTestClock();
    const simulator = await start(
      { limits: { requestsPerMinute: 60, depthSeconds: 1 }, latency: { minMs: 0, maxMs: 0 } },
      clock,
    );
    const send = async (waitMs: number) => {
      clock.advance(waitMs);
      return (await post(simulator, PATH, chat(`w${clock.nowMs()}`))).status;
    };
    // One a second. The first 429 sets a wait of 1 s; one comes at once, one in defiance.
    expect([await send(0), await send(0), await send(10), await send(500)]).toEqual([
      200, 429, 429, 429,
    ]);
    expect([await send(490), await send(1)]).toEqual([200, 429]);
    expect(simulator.stats()).toMatchObject({
      received: 6,
      admitted: 2,
      served: 2,
      refused: { total: 4, requests: 4, totalTokens: 0 },
      refusedDuringRetryAfter: 2,
      refusedDefyingRetryAfter: 1,
    });
  });

  test('of the concurrency cap come back when a slot is free; the peak is kept', async () => {
    const clock = createHeldClock();
    const simulator = await start({ limits: { concurrency: 2 } }, clock);
    const held = [post(simulator, PATH, chat('a')), post(simulator, PATH, chat('b'))];
    await until(() => simulator.stats().inFlight === 2);
    const refused = await post(simulator, PATH, chat('c'));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after-ms')).toBe('250');
    clock.letGo();
    await Promise.all(held);
    const last = post(simulator, PATH, chat('c'));
    await until(() => simulator.stats().inFlight === 1);
    clock.letGo();
    expect((await last).status).toBe(200);
    expect(simulator.stats()).toMatchObject({
      inFlight: 0,
      peakInFlight: 2,
      refused: { concurrency: 1, total: 1 },
    });
  });
});

describe('duplicates', () => {
  test('are told by header, by metadata, by an id in the prompt, else by the body', async () => {
    const simulator = await start();
    const plain = { model: MODEL, messages: [{ role: 'user', content: 'no id' }] };
    const send = (body: object, headers = {}) => post(simulator, PATH, body, headers);
    await send(plain);
    await send({ ...plain, temperature: 0 });
    await send(plain, { 'x-penstock-request-id': 'h1' });
    await send(plain, { 'x-penstock-request-id': 'h2' });
    await send({ ...plain, metadata: { request_id: 'm1' } });
    await send(chat('p1'));
    await send(chat('p2', { user: 'the same user' }));
    await send(chat('p3', { user: 'the same user' }));
    expect(simulator.stats()).toMatchObject({ distinctRequests: 8, duplicates: 0 });
    await send(plain);
    await send(chat('other prompt'), { 'x-penstock-request-id': 'h1' });
    await send({ ...plain, temperature: 1, metadata: { request_id: 'm1' } });
    await send(chat('p1', { temperature: 1 }));
    expect(simulator.stats()).toMatchObject({
      distinctRequests: 8,
      billed: 12,
      duplicates: 4,
      avoidableDuplicates: 4,
    });
  });

  test('a call that packs items is no repeat of the items run alone', async () => {
    const simulator = await start();
    const packed = { model: MODEL, messages: [{ role: 'user', content: '[id:a] x\n[id:b] y' }] };
    await post(simulator, PATH, packed);
    await post(simulator, PATH, chat('a'));
    expect(simulator.stats()).toMatchObject({ distinctRequests: 2, duplicates: 0 });
  });
});

describe('clients that leave', () => {
  test('are billed for the work they did not wait for', async () => {
    const clock = createHeldClock();
    const simulator = await start({}, clock);
    const leaving = new AbortController();
    const call = fetch(simulator.url + PATH, {
      method: 'POST',
      body: JSON.stringify(chat('gone')),
      signal: leaving.signal,
    });
    await until(() => simulator.stats().inFlight === 1);
    leaving.abort();
    await rejection(call);
    // The server learns of it when the socket closes; another exchange comes after that.
    await fetch(`${simulator.url}/_stats`);
    clock.letGo();
    await until(() => simulator.stats().inFlight === 0);
    expect(simulator.stats()).toMatchObject({ billed: 1, served: 0, abandoned: 1 });
  });
});

test('service times are those of the served, from arrival to answer', async () => {
  const simulator = await start({
    latency: { p50Ms: 800, p95Ms: 1_770 },
    faults: 'http503:0.2',
  });
  for (let id = 0; id < 400; id += 1) await post(simulator, PATH, chat(`s${id}`));
  const { serviceTimeMs, served, faults } = simulator.stats();
  expect(served + (faults.http503 ?? 0)).toBe(400);
  expect(serviceTimeMs.count).toBe(served);
  expect(serviceTimeMs.p50).toBeGreaterThan(700);
  expect(serviceTimeMs.p50).toBeLessThan(900);
  expect(serviceTimeMs.p95).toBeGreaterThan(1_450);
  expect(serviceTimeMs.p95).toBeLessThan(2_200);
});
