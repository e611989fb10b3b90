import { describe, expect, it } from 'vitest';
import { readAnthropicRow } from '../../../../../shared/adapters/providers/native/anthropic-rows.ts';
import { readOpenAiRow } from '../../../../../shared/adapters/providers/native/openai-rows.ts';
import type { NativeRow } from '../../../../../shared/domain/native/native-batch.ts';
import type { Endpoint } from '../../../../../shared/domain/requests/request.ts';

const query = (endpoint: Endpoint) => ({ output: 'o', endpoint, model: 'm', fromRow: 0 });
const openAi = (row: object, endpoint: Endpoint = '/v1/chat/completions'): NativeRow => {
  const json = JSON.stringify(row);
  return readOpenAiRow({ row: JSON.parse(json), json }, query(endpoint));
};
const anthropic = (result: object | null, rest: object = { custom_id: 'r' }): NativeRow => {
  const json = JSON.stringify({ ...rest, result });
  return readAnthropicRow({ row: JSON.parse(json), json }, query('/v1/messages'));
};

const COMPLETION = {
  id: 'chatcmpl-1',
  choices: [
    { index: 0, message: { role: 'assistant', content: 'Blue.' }, finish_reason: 'length' },
  ],
  usage: { prompt_tokens: 9, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 4 } },
};
const answered = (body: object, statusCode: unknown = 200) => ({
  id: 'batch_req_1',
  custom_id: 'r',
  response: { status_code: statusCode, request_id: 'ab12', body },
  error: null,
});

describe("OpenAI's lines", () => {
  it('that are answers', () => {
    expect(openAi(answered(COMPLETION))).toEqual({
      kind: 'answered',
      rowId: 'r',
      statusCode: 200,
      requestId: 'ab12',
      bodyJson: JSON.stringify(COMPLETION),
      usage: {
        inputTokens: 5,
        cachedInputTokens: 4,
        cacheWriteTokens: 0,
        cacheWrite1hTokens: 0,
        outputTokens: 3,
      },
      finishReason: 'length',
    });
    expect(openAi(answered(COMPLETION, '200'))).toMatchObject({ kind: 'answered' });
    expect(openAi(answered(COMPLETION, null))).toMatchObject({ kind: 'answered', statusCode: 200 });
    const response = {
      output: [{ type: 'message' }],
      status: 'completed',
      usage: { input_tokens: 2 },
    };
    expect(openAi(answered(response), '/v1/responses')).toMatchObject({
      kind: 'answered',
      finishReason: 'completed',
      usage: { inputTokens: 2 },
    });
  });

  const errors: [status: number, error: object, code: string][] = [
    [
      400,
      { message: 'Bad', type: 'invalid_request_error', code: 'empty_array' },
      'provider_rejected',
    ],
    [400, { message: 'long', code: 'context_length_exceeded' }, 'context_length_exceeded'],
    [429, { message: 'Slow', type: 'tokens', code: 'rate_limit_exceeded' }, 'provider_throttled'],
    [429, { message: 'No money', code: 'insufficient_quota' }, 'provider_quota_spent'],
    [500, { message: 'Oops', type: 'server_error' }, 'provider_error'],
    [503, { message: 'Busy', code: 'server_is_overloaded' }, 'provider_overloaded'],
    [200, { message: 'Oops', code: 'server_error' }, 'provider_error'],
  ];
  it.each(errors)('that failed with %i %j', (statusCode, error, code) => {
    expect(openAi(answered({ error }, statusCode))).toEqual({
      kind: 'failed',
      rowId: 'r',
      code,
      message: (error as { message: string }).message,
      statusCode,
      requestId: 'ab12',
      bodyJson: JSON.stringify({ error }),
    });
  });

  const notRun: [row: object, reason: string][] = [
    [{ response: null, error: { code: 'batch_expired', message: 'Late' } }, 'expired'],
    [{ response: null, error: { code: 'batch_cancelled', message: 'Stop' } }, 'cancelled'],
    [{ response: { status_code: 0, request_id: '', body: {} }, error: null }, 'lost'],
    [{ response: { body: {} }, error: null }, 'lost'],
    [{ response: null, error: null }, 'lost'],
    [{}, 'lost'],
  ];
  it.each(notRun)('that were not run: %j', (row, reason) => {
    expect(openAi({ custom_id: 'r', ...row })).toEqual({ kind: 'unfinished', rowId: 'r', reason });
  });

  it('with an error in place of an answer', () => {
    const error = { code: 'invalid_request', message: 'No such field' };
    expect(openAi({ custom_id: 'r', response: null, error })).toMatchObject({
      kind: 'failed',
      code: 'provider_rejected',
      message: 'No such field',
      statusCode: 0,
      bodyJson: JSON.stringify(error),
    });
    const words = openAi({ custom_id: 'r', response: null, error: 'Trouble' });
    expect(words).toMatchObject({ kind: 'failed', code: 'provider_error', message: 'Trouble' });
  });

  it('that hold a success without an answer', () => {
    const empty = openAi(answered({ choices: [] }));
    expect(empty).toMatchObject({ kind: 'failed', code: 'provider_malformed', statusCode: 200 });
  });

  it('that name no row', () => {
    for (const custom_id of [undefined, null, '', 7, {}, 'x'.repeat(600)]) {
      expect(openAi({ ...answered(COMPLETION), custom_id }).kind).toBe('unreadable');
    }
  });

  it('keep every value as it was written', () => {
    const body = `{"choices": [{"message": {"content": "a\\u2028b"}}], "big": 12345678901234567890, "x": 1.0}`;
    const json = `{"custom_id": "r", "response": {"status_code": 200, "body": ${body}}, "error": null}`;
    const row = readOpenAiRow({ row: JSON.parse(json), json }, query('/v1/chat/completions'));
    expect(row).toMatchObject({ kind: 'answered', bodyJson: body });
  });
});

describe("Anthropic's lines", () => {
  const MESSAGE = {
    id: 'msg_1',
    type: 'message',
    content: [{ type: 'text', text: 'Blue.' }],
    stop_reason: 'max_tokens',
    usage: { input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 3, service_tier: 'batch' },
  };

  it('that succeeded', () => {
    expect(anthropic({ type: 'succeeded', message: MESSAGE })).toMatchObject({
      kind: 'answered',
      rowId: 'r',
      statusCode: 200,
      bodyJson: JSON.stringify(MESSAGE),
      usage: { inputTokens: 5, cachedInputTokens: 7, outputTokens: 3 },
      finishReason: 'max_tokens',
    });
    expect(anthropic({ type: 'succeeded' })).toMatchObject({
      kind: 'failed',
      code: 'provider_malformed',
    });
  });

  const errors: [type: string, message: string, status: number, code: string][] = [
    ['invalid_request_error', 'max_tokens: required', 400, 'provider_rejected'],
    ['invalid_request_error', 'Your credit balance is too low', 400, 'provider_quota_spent'],
    ['invalid_request_error', 'prompt is too long', 400, 'context_length_exceeded'],
    ['authentication_error', 'No', 401, 'provider_auth_failed'],
    ['billing_error', 'No', 402, 'provider_quota_spent'],
    ['not_found_error', 'model: m', 404, 'provider_rejected'],
    ['request_too_large', 'Too large', 413, 'payload_too_large'],
    ['rate_limit_error', 'Slow', 429, 'provider_throttled'],
    ['api_error', 'Oops', 500, 'provider_error'],
    ['timeout_error', 'Late', 504, 'provider_timeout'],
    ['overloaded_error', 'Overloaded', 529, 'provider_overloaded'],
    ['strange_error', 'Hm', 500, 'provider_error'],
  ];
  it.each(errors)(
    'that failed with %s: %s, nested once or twice',
    (type, message, statusCode, code) => {
      const inner = { type, message };
      const twice = { type: 'error', error: inner, request_id: 'req_1' };
      const expected = { kind: 'failed', rowId: 'r', code, message, statusCode };
      expect(anthropic({ type: 'errored', error: twice })).toEqual({
        ...expected,
        requestId: 'req_1',
        bodyJson: JSON.stringify(twice),
      });
      expect(anthropic({ type: 'errored', error: inner })).toMatchObject(expected);
    },
  );

  it('that were not run', () => {
    const expected = { kind: 'unfinished', rowId: 'r' };
    expect(anthropic({ type: 'canceled' })).toEqual({ ...expected, reason: 'cancelled' });
    expect(anthropic({ type: 'expired' })).toEqual({ ...expected, reason: 'expired' });
  });

  it('that say nothing that is known', () => {
    expect(anthropic({ type: 'postponed' })).toMatchObject({
      kind: 'failed',
      code: 'provider_error',
    });
    expect(anthropic(null).kind).toBe('unreadable');
    expect(anthropic({ type: 'succeeded', message: MESSAGE }, {}).kind).toBe('unreadable');
  });
});
