import { APIError as AnthropicError } from '@anthropic-ai/sdk';
import { APIConnectionError, APIError, InternalServerError, type RateLimitError } from 'openai';
import { describe, expect, test } from 'vitest';
import type { FaultKind } from '../../../simulator/faults.ts';
import {
  anthropicClient,
  chat,
  createTestClock,
  openAiClient,
  post,
  rejection,
  start,
} from './harness.ts';

const PATH = '/v1/chat/completions';
const message = {
  model: 'claude-haiku-4-5',
  max_tokens: 40,
  messages: [{ role: 'user' as const, content: 'hello' }],
};

/** What happened on the books to the one request that a fault struck. */
async function struck(fault: string) {
  const simulator = await start({ faults: fault, limits: { requestsPerMinute: 60 } });
  const error = await rejection(openAiClient(simulator).chat.completions.create(chat('f')));
  return { error, stats: simulator.stats() };
}

describe('errors before the work: nothing is spent, worked or billed', () => {
  test.each<[FaultKind, number, string, string | null]>([
    ['http401', 401, 'invalid_request_error', 'invalid_api_key'],
    ['http429', 429, 'requests', 'rate_limit_exceeded'],
    ['http429_bare', 429, 'requests', 'rate_limit_exceeded'],
    ['quota', 429, 'insufficient_quota', 'insufficient_quota'],
    ['slow_down', 429, 'rate_limit_error', 'slow_down'],
    ['slow_down_503', 503, 'service_unavailable_error', 'slow_down'],
    ['http503', 503, 'service_unavailable_error', 'server_is_overloaded'],
    ['http529', 503, 'service_unavailable_error', 'server_is_overloaded'],
    ['outage', 503, 'service_unavailable_error', 'server_is_overloaded'],
  ])('%s: %d %s %s', async (kind, status, type, code) => {
    const { error, stats } = await struck(kind);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status, type, code });
    expect(stats).toMatchObject({ received: 1, admitted: 0, billed: 0, faults: { [kind]: 1 } });
    expect(stats.refused.total).toBe(0);
  });

  test.each<[FaultKind, number, string]>([
    ['http401', 401, 'authentication_error'],
    ['http429', 429, 'rate_limit_error'],
    ['http529', 529, 'overloaded_error'],
    ['http503', 529, 'overloaded_error'],
    ['http500', 500, 'api_error'],
    ['http504', 504, 'timeout_error'],
  ])('Anthropic, %s: %d %s', async (kind, status, type) => {
    const simulator = await start({ faults: kind });
    const error = await rejection(anthropicClient(simulator).messages.create(message));
    expect(error).toBeInstanceOf(AnthropicError);
    expect(error).toMatchObject({ status, type });
    expect(simulator.stats()).toMatchObject({ billed: 0, faults: { [kind]: 1 } });
  });

  test('Anthropic, quota: a 429 with the spend limit as its reason and no time to wait', async () => {
    const simulator = await start({ faults: 'quota' });
    const headers = { 'anthropic-version': '2023-06-01' };
    const response = await post(simulator, '/v1/messages', message, headers);
    expect(response.status).toBe(429);
    expect(response.headers.has('retry-after')).toBe(false);
    expect(await response.json()).toMatchObject({
      error: { type: 'rate_limit_error', details: { error_code: 'enforced_spend_limit_reached' } },
    });
  });

  test('a 429 says when to come back, unless it is bare', async () => {
    const told = (await struck('http429=2500ms')).error as RateLimitError;
    expect(told.headers?.get('retry-after-ms')).toBe('2500');
    expect(told.headers?.get('retry-after')).toBe('3');
    expect(told.headers?.get('x-ratelimit-remaining-requests')).toBe('60');
    const bare = (await struck('http429_bare')).error as RateLimitError;
    const names = [...(bare.headers?.keys() ?? [])];
    expect(names.filter((name) => /ratelimit|retry/.test(name))).toEqual([]);
  });

  test('flex capacity runs out for flex only; flex costs half', async () => {
    const simulator = await start({ faults: 'flex_unavailable#1' });
    const client = openAiClient(simulator);
    await client.chat.completions.create(chat('plain'));
    const { costMicroUsd } = simulator.stats();
    simulator.reset();
    const flex = chat('plain', { service_tier: 'flex' });
    const error = await rejection(client.chat.completions.create(flex));
    expect(error).toMatchObject({ status: 429, code: 'resource_unavailable' });
    expect(simulator.stats().costMicroUsd).toBe(0);
    const answer = await client.chat.completions.create(flex);
    expect(answer.service_tier).toBe('flex');
    const { prompt_tokens = 0, completion_tokens = 0 } = answer.usage ?? {};
    expect(simulator.stats().costMicroUsd).toBe(
      Math.round((prompt_tokens * 0.15 + completion_tokens * 0.6) / 2),
    );
    expect(costMicroUsd).toBeGreaterThan(simulator.stats().costMicroUsd);
  });

  test('reset_before: the connection breaks and nothing was done', async () => {
    const { error, stats } = await struck('reset_before');
    expect(error).toBeInstanceOf(APIConnectionError);
    expect(stats).toMatchObject({ admitted: 0, billed: 0, faults: { reset_before: 1 } });
  });

  test('html: a 200 that is a page of some proxy', async () => {
    const response = await post(await start({ faults: 'html' }), PATH, chat('h'));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html');
    expect(await response.text()).toMatch(/^<!doctype html>/);
  });
});

describe('errors in place of the answer: quota is spent, nothing is billed', () => {
  test.each([
    ['http500', 500],
    ['http504', 504],
  ])('%s', async (kind, status) => {
    const { error, stats } = await struck(kind);
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status });
    expect((error as APIError).headers?.get('x-ratelimit-remaining-requests')).toBe('59');
    expect(stats).toMatchObject({
      admitted: 1,
      billed: 0,
      served: 0,
      inFlight: 0,
      costMicroUsd: 0,
    });
  });
});

describe('spoilt answers: the work is done and billed', () => {
  const spoilt = async (fault: string) => {
    const clock = createTestClock();
    const simulator = await start({ faults: fault }, clock);
    return { simulator, clock, answer: () => post(simulator, PATH, chat('s')) };
  };

  test('reset_after: the client gets nothing; a second go is a duplicate nobody could avoid', async () => {
    const { simulator, answer } = await spoilt('reset_after#1');
    await rejection(answer());
    expect(simulator.stats()).toMatchObject({ billed: 1, served: 0, duplicates: 0 });
    expect((await answer()).status).toBe(200);
    expect(simulator.stats()).toMatchObject({
      billed: 2,
      served: 1,
      duplicates: 1,
      avoidableDuplicates: 0,
      faults: { reset_after: 1 },
    });
  });

  test('hang: the answer comes, much later', async () => {
    const { simulator, clock, answer } = await spoilt('hang=20s');
    const before = clock.nowMs();
    expect((await answer()).status).toBe(200);
    expect(clock.nowMs() - before).toBe(20_100);
    expect(simulator.stats()).toMatchObject({ billed: 1, served: 1 });
  });

  test('dribble: the answer is whole but slow', async () => {
    const { simulator, clock, answer } = await spoilt('dribble=4s');
    const before = clock.nowMs();
    const body = await (await answer()).json();
    expect(body).toMatchObject({ object: 'chat.completion' });
    expect(clock.nowMs() - before).toBeGreaterThanOrEqual(4_000);
    expect(simulator.stats().served).toBe(1);
  });

  test('truncated: the connection ends before the promised length', async () => {
    const { simulator, answer } = await spoilt('truncated');
    const response = await answer();
    expect(response.status).toBe(200);
    await rejection(response.text());
    expect(simulator.stats()).toMatchObject({ billed: 1, served: 0 });
  });

  test('malformed_json: a 200 of the right type that does not parse', async () => {
    const { simulator, answer } = await spoilt('malformed_json');
    const response = await answer();
    expect(response.headers.get('content-type')).toBe('application/json');
    const text = await response.text();
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(simulator.stats()).toMatchObject({ billed: 1, served: 0 });
  });

  test('empty: a 200 without a body', async () => {
    const { simulator, answer } = await spoilt('empty');
    const response = await answer();
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
    expect(simulator.stats()).toMatchObject({ billed: 1, served: 0 });
  });

  test('wrong_ids, null_content and content_filter spoil what the answer says', async () => {
    const said = async (fault: FaultKind) => {
      const { answer } = await spoilt(fault);
      const { choices } = (await (await answer()).json()) as {
        choices: { finish_reason: string; message: { content: string | null } }[];
      };
      return { finish: choices[0]?.finish_reason, content: choices[0]?.message.content };
    };
    expect(await said('wrong_ids')).toEqual({
      finish: 'stop',
      content: expect.stringContaining('[id:s-wrong]'),
    });
    expect(await said('null_content')).toEqual({ finish: 'stop', content: null });
    expect(await said('content_filter')).toEqual({ finish: 'content_filter', content: null });
  });

  test('Anthropic without content has no blocks, and a refusal says so', async () => {
    const none = await anthropicClient(await start({ faults: 'null_content' })).messages.create(
      message,
    );
    expect(none.content).toEqual([]);
    const refused = await anthropicClient(
      await start({ faults: 'content_filter' }),
    ).messages.create(message);
    expect(refused.stop_reason).toBe('refusal');
  });
});

describe('when faults strike', () => {
  test('the same requests are struck on every run of a seed, and others on another seed', async () => {
    const statuses = async (seed: number) => {
      const simulator = await start({ seed, faults: 'http503:0.3' });
      const seen = [];
      for (let id = 0; id < 40; id += 1) {
        seen.push((await post(simulator, PATH, chat(`r${id}`))).status);
      }
      return seen;
    };
    const first = await statuses(1);
    expect(first.filter((status) => status === 503).length).toBeGreaterThan(4);
    expect(await statuses(1)).toEqual(first);
    expect(await statuses(2)).not.toEqual(first);
  });

  test('a refusal by a limit is no attempt: what comes after does not depend on timing', async () => {
    const clock = createTestClock();
    const simulator = await start({ faults: 'http500#1', limits: { requestsPerMinute: 1 } }, clock);
    const statuses = [];
    statuses.push((await post(simulator, PATH, chat('other'))).status);
    statuses.push((await post(simulator, PATH, chat('mine'))).status);
    clock.advance(60_000);
    statuses.push((await post(simulator, PATH, chat('mine'))).status);
    clock.advance(60_000);
    statuses.push((await post(simulator, PATH, chat('mine'))).status);
    expect(statuses).toEqual([500, 429, 500, 200]);
  });

  test('an outage begins and ends; a key dies and stays dead', async () => {
    const clock = createTestClock();
    const simulator = await start(
      { faults: 'outage@10s-20s,http401@30s', latency: { minMs: 0, maxMs: 0 } },
      clock,
    );
    const statuses = [];
    for (const waitMs of [0, 10_000, 9_999, 1, 9_999, 1, 100_000]) {
      clock.advance(waitMs);
      statuses.push((await post(simulator, PATH, chat('t'))).status);
    }
    expect(statuses).toEqual([200, 503, 503, 200, 200, 401, 401]);
  });
});
