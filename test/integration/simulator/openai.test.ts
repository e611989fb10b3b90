import type OpenAI from 'openai';
import { AuthenticationError, BadRequestError, NotFoundError, RateLimitError } from 'openai';
import { describe, expect, test } from 'vitest';
import { chat, createTestClock, MODEL, openAiClient, post, rejection, start } from './harness.ts';

describe('chat completions', () => {
  test('the SDK reads the answer, its usage and its headers', async () => {
    const simulator = await start({
      limits: { requestsPerMinute: 600, tokensPerMinute: 60_000 },
      models: { [MODEL]: { snapshot: 'gpt-4o-mini-2024-07-18' } },
    });
    const { data, response } = await openAiClient(simulator)
      .chat.completions.create(chat('r-1'))
      .withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'gpt-4o-mini-2024-07-18',
      service_tier: 'default',
      usage: { prompt_tokens: 12, prompt_tokens_details: { cached_tokens: 0 } },
    });
    expect(data.choices[0]?.message.content).toContain('[id:r-1]');
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(data.usage?.total_tokens).toBe(12 + (data.usage?.completion_tokens ?? 0));
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      'openai-organization': 'org-simulator',
      'openai-processing-ms': '100',
      'openai-version': '2020-10-01',
      'x-request-id': expect.stringMatching(/^req_[0-9a-f]{32}$/),
      'x-ratelimit-limit-requests': '600',
      'x-ratelimit-remaining-requests': '599',
      'x-ratelimit-reset-requests': '100ms',
      'x-ratelimit-limit-tokens': '60000',
      'x-ratelimit-remaining-tokens': '59960',
      'x-ratelimit-reset-tokens': '40ms',
    });
  });

  test('the same seed gives the same answer to the same attempt', async () => {
    const answers = async (seed: number) => {
      const client = openAiClient(await start({ seed }));
      const texts = [];
      for (const id of ['a', 'a', 'b']) {
        const answer = await client.chat.completions.create(chat(id));
        texts.push(answer.choices[0]?.message.content);
      }
      return texts;
    };
    const first = await answers(1);
    expect(await answers(1)).toEqual(first);
    expect(await answers(2)).not.toEqual(first);
    expect(first[0]).not.toBe(first[1]);
  });

  test('output that hits max_tokens ends with length, and counts as exactly that', async () => {
    const simulator = await start({ output: { p50Share: 3, p95Share: 3.1 } });
    const answer = await openAiClient(simulator).chat.completions.create(chat('long'));
    expect(answer.choices[0]?.finish_reason).toBe('length');
    expect(answer.usage?.completion_tokens).toBe(40);
    expect(answer.choices[0]?.message.content).toHaveLength(160);
  });

  test('structured output satisfies the schema and answers every id', async () => {
    const simulator = await start();
    const item = {
      type: 'object',
      properties: { id: { type: 'string' }, mood: { enum: ['good', 'bad'] } },
      required: ['id', 'mood'],
      additionalProperties: false,
    };
    const schema = { type: 'object', properties: { answers: { type: 'array', items: item } } };
    const answer = await openAiClient(simulator).chat.completions.create({
      model: MODEL,
      messages: [
        { role: 'system', content: 'Items look like [id:example].' },
        { role: 'user', content: '[id:x1] fine day\n[id:x2] wet day' },
      ],
      response_format: { type: 'json_schema', json_schema: { name: 'moods', schema } },
    });
    const { answers } = JSON.parse(answer.choices[0]?.message.content ?? '');
    expect(answers).toEqual([
      { id: 'x1', mood: expect.stringMatching(/^(good|bad)$/) },
      { id: 'x2', mood: expect.stringMatching(/^(good|bad)$/) },
    ]);
  });

  test('a forced tool is called with arguments of its schema', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } } };
    const tool = { type: 'function' as const, function: { name: 'weather', parameters } };
    const answer = await openAiClient(await start()).chat.completions.create(
      chat('t', { tools: [tool], tool_choice: 'required' }),
    );
    const [choice] = answer.choices;
    expect(choice).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
    const [call] = choice?.message.tool_calls ?? [];
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } });
    expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual({
      city: expect.any(String),
    });
  });

  test('streams the same answer that it would give whole', async () => {
    const whole = await openAiClient(await start()).chat.completions.create(chat('s'));
    const stream = await openAiClient(
      await start({ requestKey: { sources: ['prompt'] } }),
    ).chat.completions.create({
      ...chat('s'),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let finish: string | null = null;
    let usage: OpenAI.CompletionUsage | null = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    expect(text).toContain('[id:s]');
    expect(finish).toBe('stop');
    expect(usage?.prompt_tokens).toBe(whole.usage?.prompt_tokens);
    expect(usage?.completion_tokens).toBe(Math.ceil(text.length / 4));
  });

  test('a prefix of 1024 tokens is cached for those who come after its prefill', async () => {
    const clock = createTestClock();
    const client = openAiClient(await start({}, clock));
    const ask = async (question: string) => {
      const answer = await client.chat.completions.create({
        model: MODEL,
        messages: [
          { role: 'system', content: 'Be exact. '.repeat(500) },
          { role: 'user', content: question },
        ],
      });
      return answer.usage?.prompt_tokens_details?.cached_tokens;
    };
    expect(await ask('one')).toBe(0);
    expect(await ask('two')).toBe(1_152);
    clock.advance(301_000);
    expect(await ask('three')).toBe(0);
  });
});

describe('other routes', () => {
  test('responses', async () => {
    const client = openAiClient(await start());
    const answer = await client.responses.create({
      model: MODEL,
      instructions: 'Be brief.',
      input: 'Hello [id:p-1]',
      max_output_tokens: 40,
    });
    expect(answer).toMatchObject({ object: 'response', status: 'completed', error: null });
    expect(answer.output_text).toContain('[id:p-1]');
    expect(answer.usage?.input_tokens).toBe(15);
  });

  test('responses that are cut say so', async () => {
    const client = openAiClient(await start({ output: { p50Share: 3, p95Share: 3.1 } }));
    const answer = await client.responses.create({
      model: MODEL,
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }],
      max_output_tokens: 16,
    });
    expect(answer.status).toBe('incomplete');
    expect(answer.incomplete_details).toEqual({ reason: 'max_output_tokens' });
    expect(answer.usage?.output_tokens).toBe(16);
  });

  test('embeddings: one unit vector per input, the same for the same text', async () => {
    const client = openAiClient(await start());
    const model = 'text-embedding-3-small';
    const one = await client.embeddings.create({ model, input: ['alpha', 'beta', 'alpha'] });
    const [alpha, beta, again] = one.data.map(({ embedding }) => embedding);
    expect(alpha).toHaveLength(1_536);
    expect(alpha).toEqual(again);
    expect(alpha).not.toEqual(beta);
    expect(Math.hypot(...(alpha ?? []))).toBeCloseTo(1, 5);
    expect(one.usage).toEqual({ prompt_tokens: 5, total_tokens: 5 });
    const other = await client.embeddings.create({
      model,
      input: 'alpha',
      dimensions: 8,
      encoding_format: 'float',
    });
    expect(other.data[0]?.embedding).toHaveLength(8);
  });

  test('models', async () => {
    const client = openAiClient(await start({ models: { one: {}, 'claude-x': {}, two: {} } }));
    const list = await client.models.list();
    expect(list.data.map(({ id }) => id)).toEqual(['one', 'two']);
    expect((await client.models.retrieve('two')).id).toBe('two');
    expect(await rejection(client.models.retrieve('three'))).toBeInstanceOf(NotFoundError);
  });

  test('an unknown route is named', async () => {
    const response = await post(await start(), '/v1/chat/completion', {});
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: { code: 'unknown_url', message: expect.stringContaining('POST /v1/chat/completion') },
    });
  });
});

describe('errors', () => {
  test('a wrong key is refused when a list of keys is configured, without rate headers', async () => {
    const simulator = await start({ apiKeys: ['good'], limits: { requestsPerMinute: 10 } });
    await openAiClient(simulator, 'good').chat.completions.create(chat('k'));
    const error = await rejection(
      openAiClient(simulator, 'sk-wrong-key').chat.completions.create(chat('k')),
    );
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ code: 'invalid_api_key', type: 'invalid_request_error' });
    expect(String(error)).not.toContain('sk-wrong-key');
    const { headers } = error as AuthenticationError;
    expect(headers?.has('x-ratelimit-limit-requests')).toBe(false);
  });

  test('an unknown model is 404 when a list of models is configured', async () => {
    const client = openAiClient(await start({ models: { other: {} } }));
    const error = await rejection(client.chat.completions.create(chat('m')));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: 'model_not_found' });
  });

  test.each([
    [{ model: undefined }, null, null],
    [{ messages: undefined }, 'messages', 'missing_required_parameter'],
    [{ messages: [] }, 'messages', 'empty_array'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', 'invalid_type'],
    [{ messages: [{ role: 'pope', content: '' }] }, 'messages[0].role', 'invalid_value'],
    [{ max_tokens: 0 }, 'max_tokens', 'integer_below_min_value'],
    [{ max_completion_tokens: 5 }, 'max_tokens', 'invalid_parameter_combination'],
    [{ max_tokens: 99_999 }, 'max_tokens', 'invalid_value'],
    [{ n: 0 }, 'n', 'invalid_value'],
    [
      { messages: [{ role: 'user', content: 'x'.repeat(520_000) }] },
      'messages',
      'context_length_exceeded',
    ],
  ])('%# a bad request is 400 with param and code', async (change, param, code) => {
    const client = openAiClient(await start());
    const error = await rejection(
      client.chat.completions.create({ ...chat('v'), ...change } as never),
    );
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ type: 'invalid_request_error', param, code });
  });

  test('a bad request spends one request and 17 tokens, as recorded', async () => {
    const simulator = await start({
      limits: { requestsPerMinute: 10_000, tokensPerMinute: 200_000 },
      tokens: { estimate: 'header-fit' },
    });
    const response = await post(simulator, '/v1/chat/completions', { model: MODEL, messages: [] });
    expect(response.status).toBe(400);
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('9999');
    expect(response.headers.get('x-ratelimit-remaining-tokens')).toBe('199983');
    expect(simulator.stats()).toMatchObject({ invalid: { 400: 1 }, admitted: 0 });
  });

  test.each([
    [0, 17],
    [2, 18],
    [5, 19],
    [8, 19],
    [22, 23],
    [23, 23],
  ])(
    '%d characters are charged %d tokens in header-fit mode, as recorded',
    async (chars, tokens) => {
      const simulator = await start({
        limits: { tokensPerMinute: 200_000 },
        tokens: { estimate: 'header-fit' },
      });
      const messages = [{ role: 'user', content: 'x'.repeat(chars) }];
      const response = await post(simulator, '/v1/chat/completions', { model: MODEL, messages });
      expect(response.headers.get('x-ratelimit-remaining-tokens')).toBe(String(200_000 - tokens));
    },
  );

  test('a body that is not JSON is 400', async () => {
    const response = await post(await start(), '/v1/chat/completions', '{"model":');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });
});

describe('rate limits', () => {
  test('an empty bucket is a 429 that says when to come back, and is right about it', async () => {
    const clock = createTestClock();
    const simulator = await start({ limits: { tokensPerMinute: 2_400, depthSeconds: 1 } }, clock);
    const client = openAiClient(simulator);
    await client.chat.completions.create(chat('one'));
    const error = await rejection(client.chat.completions.create(chat('two')));
    expect(error).toBeInstanceOf(RateLimitError);
    // The first one's work took 100 ms, which refilled 4 of its 40 tokens.
    expect(error).toMatchObject({
      type: 'tokens',
      code: 'rate_limit_exceeded',
      message: expect.stringMatching(
        /gpt-4o-mini in organization org-simulator on tokens per min \(TPM\): Limit 2400, Used 2396. Please try again in 900ms/,
      ),
    });
    const { headers } = error as RateLimitError;
    expect(headers?.get('retry-after-ms')).toBe('900');
    expect(headers?.get('retry-after')).toBe('1');
    expect(headers?.get('x-ratelimit-remaining-tokens')).toBe('4');
    clock.advance(899);
    await rejection(client.chat.completions.create(chat('two')));
    clock.advance(1);
    await client.chat.completions.create(chat('two'));
  });

  test('a request larger than the bucket is told so, and not to wait', async () => {
    const simulator = await start({ limits: { tokensPerMinute: 30 } });
    const error = await rejection(openAiClient(simulator).chat.completions.create(chat('big')));
    expect(error).toMatchObject({
      status: 429,
      type: 'tokens',
      code: 'rate_limit_exceeded',
      message: expect.stringContaining('Request too large'),
    });
    expect((error as RateLimitError).headers?.has('retry-after')).toBe(false);
    expect(simulator.stats().refused).toMatchObject({ total: 1, tooLarge: 1 });
  });

  test('headers can be left out, all or all but the wait', async () => {
    const names = async (rateHeaders: 'retry-after' | 'none') => {
      const simulator = await start({ rateHeaders, limits: { requestsPerMinute: 1 } });
      const headers = [];
      for (const id of ['a', 'b']) {
        const response = await post(simulator, '/v1/chat/completions', chat(id));
        headers.push(...response.headers.keys());
      }
      return headers.filter((name) => /ratelimit|retry/.test(name));
    };
    expect(await names('none')).toEqual([]);
    expect(await names('retry-after')).toEqual(['retry-after', 'retry-after-ms']);
  });

  test('each model has buckets of its own', async () => {
    const simulator = await start({ limits: { requestsPerMinute: 1 } });
    const client = openAiClient(simulator);
    await client.chat.completions.create(chat('a'));
    await client.chat.completions.create(chat('a', { model: 'gpt-4o' }));
    await rejection(client.chat.completions.create(chat('b')));
    expect(simulator.stats().models[MODEL]?.refused.requests).toBe(1);
    expect(simulator.stats().models['gpt-4o']?.refused.total).toBe(0);
  });
});
