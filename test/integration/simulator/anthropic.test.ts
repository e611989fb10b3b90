import {
  type APIError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
} from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { anthropicClient, createTestClock, post, rejection, start } from './harness.ts';

const MODEL = 'claude-haiku-4-5';
const message = (id: string, extra: object = {}) => ({
  model: MODEL,
  max_tokens: 40,
  messages: [{ role: 'user' as const, content: `Say something. [id:${id}]` }],
  ...extra,
});

describe('messages', () => {
  test('the SDK reads the answer, its usage and its headers', async () => {
    const simulator = await start({
      limits: {
        requestsPerMinute: 50,
        inputTokensPerMinute: 400_000,
        outputTokensPerMinute: 80_000,
      },
    });
    const { data, response } = await anthropicClient(simulator)
      .messages.create(message('c-1'))
      .withResponse();
    expect(data).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: MODEL,
      stop_reason: 'end_turn',
      usage: { input_tokens: 6, cache_read_input_tokens: 0, service_tier: 'standard' },
    });
    expect(data.content[0]).toMatchObject({
      type: 'text',
      text: expect.stringContaining('[id:c-1]'),
    });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'request-id': expect.stringMatching(/^req_/),
      'anthropic-organization-id': 'org-simulator',
      'anthropic-ratelimit-requests-limit': '50',
      'anthropic-ratelimit-requests-remaining': '49',
      'anthropic-ratelimit-tokens-limit': '480000',
      'anthropic-ratelimit-input-tokens-remaining': '400000',
      'anthropic-ratelimit-output-tokens-limit': '80000',
      'anthropic-ratelimit-output-tokens-reset': expect.stringMatching(/^2023-11-14T.*:\d\dZ$/),
    });
  });

  test('max_tokens ends an answer; the bucket is charged what was really produced', async () => {
    const simulator = await start({
      output: { p50Share: 3, p95Share: 3.1 },
      limits: { outputTokensPerMinute: 6_000 },
    });
    const answer = await anthropicClient(simulator).messages.create(message('cut'));
    expect(answer.stop_reason).toBe('max_tokens');
    expect(answer.usage.output_tokens).toBe(40);
    expect(simulator.stats().models[MODEL]?.buckets.outputTokens?.admitted).toBe(40);
  });

  test('output in debt refuses the next request until it is paid', async () => {
    const clock = createTestClock();
    const simulator = await start(
      {
        limits: { outputTokensPerMinute: 60, depthSeconds: 10 },
        output: { p50Share: 3, p95Share: 3.1 },
      },
      clock,
    );
    const client = anthropicClient(simulator);
    await client.messages.create(message('one'));
    const error = await rejection(client.messages.create(message('two')));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({
      type: 'rate_limit_error',
      message: expect.stringMatching(
        /rate limit of 60 output tokens per minute \(org: org-simulator/,
      ),
    });
    // 10 tokens held, 40 spent: 31 are missing to have one.
    expect((error as RateLimitError).headers?.get('retry-after')).toBe('31');
    expect((error as RateLimitError).headers?.get('retry-after-ms')).toBeNull();
    clock.advance(31_000);
    await client.messages.create(message('two'));
  });

  test('caches at breakpoints only, and counts what was read apart', async () => {
    const simulator = await start({ limits: { inputTokensPerMinute: 100_000 } });
    const client = anthropicClient(simulator);
    const ask = async (text: string, ttl?: '1h') => {
      const cache_control = { type: 'ephemeral' as const, ...(ttl && { ttl }) };
      const system = [{ type: 'text' as const, text: 'Be exact. '.repeat(600), cache_control }];
      const body = { model: MODEL, max_tokens: 20, system };
      const answer = await client.messages.create({
        ...body,
        messages: [{ role: 'user', content: text }],
      });
      return answer.usage;
    };
    expect(await ask('one!')).toMatchObject({
      input_tokens: 1,
      cache_creation_input_tokens: 1_500,
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_5m_input_tokens: 1_500, ephemeral_1h_input_tokens: 0 },
    });
    expect(await ask('two!')).toMatchObject({
      input_tokens: 1,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 1_500,
    });
    // What was read from the cache is free of the input limit.
    expect(simulator.stats().models[MODEL]?.buckets.inputTokens?.admitted).toBe(1_501 + 1);
  });

  test('a forced tool is called', async () => {
    const client = anthropicClient(await start());
    const answer = await client.messages.create(
      message('t', {
        tools: [
          {
            name: 'weather',
            input_schema: { type: 'object', properties: { city: { type: 'string' } } },
          },
        ],
        tool_choice: { type: 'tool', name: 'weather' },
      }),
    );
    expect(answer.stop_reason).toBe('tool_use');
    expect(answer.content[0]).toMatchObject({
      type: 'tool_use',
      name: 'weather',
      input: { city: expect.any(String) },
    });
  });

  test('models', async () => {
    const client = anthropicClient(await start({ models: { 'gpt-x': {}, [MODEL]: {} } }));
    const page = await client.models.list();
    expect(page.data.map(({ id }) => id)).toEqual([MODEL]);
    expect(await rejection(client.models.retrieve('claude-none'))).toBeInstanceOf(NotFoundError);
  });
});

describe('errors', () => {
  test('a wrong key', async () => {
    const simulator = await start({ apiKeys: ['good'] });
    const error = await rejection(anthropicClient(simulator, 'bad').messages.create(message('k')));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ type: 'authentication_error' });
    await anthropicClient(simulator, 'good').messages.create(message('k'));
  });

  test.each([
    [{ max_tokens: undefined }, /max_tokens: Field required/],
    [{ messages: undefined }, /messages: Field required/],
    [{ messages: [] }, /at least one message/],
    [{ messages: [{ role: 'system', content: 'x' }] }, /messages\.0\.role/],
    [{ messages: [{ role: 'user', content: 7 }] }, /messages\.0\.content/],
    [{ max_tokens: 9_000 }, /9000 > 8000/],
    [
      { messages: [{ role: 'user', content: 'x'.repeat(800_001) }] },
      /prompt is too long: 200001 tokens > 200000 maximum/,
    ],
  ])('%# a bad request is 400 and names the field', async (change, text) => {
    const client = anthropicClient(await start({ maxOutputTokens: 8_000 }));
    const error = await rejection(client.messages.create({ ...message('v'), ...change } as never));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({
      type: 'invalid_request_error',
      message: expect.stringMatching(text),
    });
    expect((error as APIError).requestID).toMatch(/^req_/);
  });

  test('five breakpoints are one too many', async () => {
    const block = {
      type: 'text' as const,
      text: 'x',
      cache_control: { type: 'ephemeral' as const },
    };
    const error = await rejection(
      anthropicClient(await start()).messages.create(
        message('b', { messages: [{ role: 'user', content: Array(5).fill(block) }] }),
      ),
    );
    expect(error).toMatchObject({
      status: 400,
      message: expect.stringMatching(/maximum of 4 .* Found 5/),
    });
  });

  test('a version header is required, an unknown model is 404', async () => {
    const simulator = await start({ models: { 'claude-x': {} } });
    const plain = await post(simulator, '/v1/messages', message('h'));
    expect(plain.status).toBe(400);
    expect(await plain.json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', message: expect.stringMatching(/anthropic-version/) },
      request_id: expect.stringMatching(/^req_/),
    });
    const error = await rejection(anthropicClient(simulator).messages.create(message('m')));
    expect(error).toBeInstanceOf(NotFoundError);
  });

  test('more than 32 MB is 413', async () => {
    const simulator = await start();
    const response = await post(simulator, '/v1/messages', `"${'x'.repeat(33_554_431)}"`, {
      'anthropic-version': '2023-06-01',
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { type: 'request_too_large' } });
  });
});
