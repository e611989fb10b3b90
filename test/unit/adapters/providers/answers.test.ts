import fc from 'fast-check';
import type OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { onOneLine } from '../../../../shared/adapters/providers/answer-text.ts';
import { readAnswer } from '../../../../shared/adapters/providers/answers.ts';
import { NO_USAGE } from '../../../../shared/domain/cost/usage.ts';
import { ENDPOINTS, type Endpoint } from '../../../../shared/domain/requests/request.ts';

type Completion = OpenAI.Chat.Completions.ChatCompletion;
type Message = Partial<Completion['choices'][number]['message']>;

const chat = (message: Message, finishReason: string | null = 'stop', usage?: unknown) => ({
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finishReason }],
  usage,
});
const read = (body: unknown, endpoint: Endpoint = '/v1/chat/completions') =>
  readAnswer(endpoint, body);

describe('usage', () => {
  it('of a chat counts each prompt token once', () => {
    const usage: Completion['usage'] = {
      prompt_tokens: 1_500,
      completion_tokens: 200,
      total_tokens: 1_700,
      prompt_tokens_details: { cached_tokens: 1_024, audio_tokens: 0 },
    };
    expect(read(chat({ content: 'Blue.' }, 'stop', usage))).toEqual({
      kind: 'answer',
      finishReason: 'stop',
      usage: { ...NO_USAGE, inputTokens: 476, cachedInputTokens: 1_024, outputTokens: 200 },
    });
  });

  it('of a chat tells what was written to the cache', () => {
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 50 },
    };
    expect(read(chat({ content: 'x' }, 'stop', usage))).toMatchObject({
      usage: { inputTokens: 20, cachedInputTokens: 30, cacheWriteTokens: 50 },
    });
  });

  it('of a response', () => {
    const body = {
      status: 'completed',
      output: [{ type: 'message' }],
      usage: { input_tokens: 50, input_tokens_details: { cached_tokens: 10 }, output_tokens: 7 },
    };
    expect(read(body, '/v1/responses')).toEqual({
      kind: 'answer',
      finishReason: 'completed',
      usage: { ...NO_USAGE, inputTokens: 40, cachedInputTokens: 10, outputTokens: 7 },
    });
  });

  it('of embeddings', () => {
    const body = { data: [{ embedding: [0.1] }], usage: { prompt_tokens: 8, total_tokens: 8 } };
    expect(read(body, '/v1/embeddings')).toEqual({
      kind: 'answer',
      finishReason: null,
      usage: { ...NO_USAGE, inputTokens: 8 },
    });
  });

  it('of a message splits cache writes by how long they live', () => {
    const body = {
      content: [{ type: 'text', text: 'Blue.' }],
      stop_reason: 'end_turn',
      usage: {
        input_tokens: 5,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 70,
        cache_creation: { ephemeral_5m_input_tokens: 50, ephemeral_1h_input_tokens: 20 },
        output_tokens: 3,
      },
    };
    expect(read(body, '/v1/messages')).toEqual({
      kind: 'answer',
      finishReason: 'end_turn',
      usage: {
        inputTokens: 5,
        cachedInputTokens: 100,
        cacheWriteTokens: 50,
        cacheWrite1hTokens: 20,
        outputTokens: 3,
      },
    });
    const unsplit = { ...body, usage: { ...body.usage, cache_creation: null } };
    expect(read(unsplit, '/v1/messages')).toMatchObject({
      usage: { cacheWriteTokens: 70, cacheWrite1hTokens: 0 },
    });
  });

  it.each([undefined, null])('is nothing where the provider states none: %s', (usage) => {
    expect(read(chat({ content: 'x' }, 'stop', usage))).toMatchObject({ usage: NO_USAGE });
  });

  it.each([
    { prompt_tokens: -1 },
    { prompt_tokens: Number.NaN },
    { prompt_tokens: 1.5 },
    { prompt_tokens: 1e300 },
    { completion_tokens: '7' },
    { prompt_tokens: 5, prompt_tokens_details: { cached_tokens: -5 } },
    [],
    'many',
    7,
  ])('that is no set of counts spoils the answer: %o', (usage) => {
    expect(read(chat({ content: 'x' }, 'stop', usage)).kind).toBe('malformed');
  });

  it('never counts more cached tokens than there are', () => {
    const usage = { prompt_tokens: 5, prompt_tokens_details: { cached_tokens: 9 } };
    expect(read(chat({ content: 'x' }, 'stop', usage))).toMatchObject({
      usage: { inputTokens: 0, cachedInputTokens: 5 },
    });
  });
});

describe('answers are', () => {
  it.each<[string, Message, string | null]>([
    ['a text', { content: 'Blue.' }, 'stop'],
    ['an empty text', { content: '' }, 'stop'],
    ['one cut at the limit', { content: 'Bl' }, 'length'],
    ['one all spent on reasoning', { content: null }, 'length'],
    ['a filtered one', { content: null }, 'content_filter'],
    ['a refusal', { content: null, refusal: 'No.' }, 'stop'],
    [
      'a tool call',
      {
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '' } }],
      },
      'stop',
    ],
    ['a text without a reason', { content: 'Blue.' }, null],
  ])('%s', (_name, message, finishReason) => {
    expect(read(chat(message, finishReason))).toMatchObject({ kind: 'answer', finishReason });
  });

  it('a response that is incomplete, with why', () => {
    const body = {
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [],
    };
    expect(read(body, '/v1/responses')).toMatchObject({
      kind: 'answer',
      finishReason: 'max_output_tokens',
    });
  });

  it('a message without content that has ended', () => {
    const body = { type: 'message', content: [], stop_reason: 'end_turn' };
    expect(read(body, '/v1/messages')).toMatchObject({ kind: 'answer' });
  });
});

describe('no answers are', () => {
  it.each<[Endpoint, unknown]>([
    ['/v1/chat/completions', null],
    ['/v1/chat/completions', 'text'],
    ['/v1/chat/completions', 7],
    ['/v1/chat/completions', [chat({ content: 'x' })]],
    ['/v1/chat/completions', {}],
    ['/v1/chat/completions', { choices: null }],
    ['/v1/chat/completions', { choices: [] }],
    ['/v1/chat/completions', { choices: [{}] }],
    ['/v1/chat/completions', { choices: [{ message: null }] }],
    ['/v1/chat/completions', chat({ content: null })],
    ['/v1/chat/completions', chat({ content: null, tool_calls: [] })],
    ['/v1/responses', { status: 'completed' }],
    ['/v1/responses', { status: 'completed', output: [] }],
    ['/v1/responses', { status: 'in_progress', output: [{}] }],
    ['/v1/responses', { status: 'queued', output: [] }],
    ['/v1/embeddings', { data: [] }],
    ['/v1/embeddings', { data: [{ embedding: null }] }],
    ['/v1/messages', { content: 'text' }],
    ['/v1/messages', { type: 'message' }],
  ])('%s %o', (endpoint, body) => {
    expect(read(body, endpoint).kind).toBe('malformed');
  });

  it.each<[Endpoint, unknown]>([
    ['/v1/chat/completions', { error: { code: 429, message: 'x' } }],
    ['/v1/chat/completions', { error: 'x' }],
    ['/v1/responses', { status: 'failed', error: { code: 'server_error' }, output: [] }],
    ['/v1/messages', { type: 'error', error: { type: 'overloaded_error' } }],
  ])('errors: %s %o', (endpoint, body) => {
    expect(read(body, endpoint).kind).toBe('error');
  });
});

it('reads any JSON without throwing', () => {
  const key = fc.constantFrom(
    'choices',
    'message',
    'content',
    'usage',
    'output',
    'status',
    'data',
    'error',
    'embedding',
    'prompt_tokens',
    'cache_creation',
  );
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<unknown>(null, '', 'failed', 0, -1, 1e300, true),
      fc.dictionary(key, tie('node'), { maxKeys: 4 }),
      fc.array(tie('node'), { maxLength: 2 }),
    ),
  })).node;
  fc.assert(
    fc.property(tree, fc.constantFrom(...ENDPOINTS), (body, endpoint) => {
      const answer = readAnswer(endpoint, body);
      if (answer.kind !== 'answer') return;
      expect(
        Object.values(answer.usage).every((count) => Number.isSafeInteger(count) && count >= 0),
      ).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

describe('one line', () => {
  it('is the text itself when it has no line breaks', () => {
    const json = '{ "a":  1e2 }';
    expect(onOneLine(json)).toBe(json);
  });

  it('keeps large numbers as written', () => {
    expect(onOneLine('{\r\n  "id": 12345678901234567890,\n  "x": 1.0\n}\n')).toBe(
      '{"id": 12345678901234567890,"x": 1.0}',
    );
  });

  it('means the same, for any JSON in any layout', () => {
    const layout = fc.constantFrom('  ', '\t', '\n', '\r\n', 0, 4);
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), layout, (value, space) => {
        const pretty = JSON.stringify({ value, separators: 'a\u2028b\u2029c' }, null, space);
        const line = onOneLine(pretty);
        expect(line).not.toMatch(/[\n\r\u2028\u2029]/);
        expect(JSON.parse(line)).toEqual(JSON.parse(pretty));
      }),
    );
  });
});
