import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyError } from '../../../../shared/adapters/providers/error-classification.ts';
import { ERROR_DISPOSITIONS, type ErrorCode } from '../../../../shared/domain/errors.ts';
import type { Lane } from '../../../../shared/domain/lanes/lane.ts';

const classify = (statusCode: number, body: unknown, lane: Lane = 'live') =>
  classifyError({ statusCode, body, lane, model: 'gpt-4o-mini' });
const openAi = (
  type: string | null,
  code: string | number | null,
  message = '',
  param: string | null = null,
) => ({
  error: { message, type, param, code },
});
const anthropic = (type: string, message = '', errorCode?: string) => ({
  type: 'error',
  error: {
    type,
    message,
    ...(errorCode === undefined ? {} : { details: { error_code: errorCode } }),
  },
  request_id: 'req_1',
});

const TPM =
  'Rate limit reached for gpt-4o-mini in organization org-x on tokens per min (TPM): Limit 200000, Used 199000, Requested 5000. Please try again in 1.2s. Visit https://platform.openai.com/account/rate-limits to learn more.';
const TOO_LARGE =
  'Request too large for gpt-4o-mini in organization org-x on tokens per min (TPM): Limit 30,000, Requested 42,000. The input or output tokens must be reduced in order to run successfully.';

describe('by the code of the provider', () => {
  it.each<[string, number, unknown, ErrorCode]>([
    ['tokens spent', 429, openAi('tokens', 'rate_limit_exceeded', TPM), 'provider_throttled'],
    ['requests spent', 429, openAi('requests', 'rate_limit_exceeded'), 'provider_throttled'],
    [
      'larger than the limit',
      429,
      openAi('tokens', 'rate_limit_exceeded', TOO_LARGE),
      'exceeds_rate_limit',
    ],
    [
      'larger, by its figures',
      429,
      openAi('tokens', 'rate_limit_exceeded', 'on TPM: Limit 10, Requested 11.'),
      'exceeds_rate_limit',
    ],
    ['quota', 429, openAi('insufficient_quota', 'insufficient_quota'), 'provider_quota_spent'],
    [
      'credit',
      429,
      openAi('insufficient_quota', 'credit_balance_exhausted'),
      'provider_quota_spent',
    ],
    [
      'organization spend',
      429,
      openAi('insufficient_quota', 'organization_spend_limit_exceeded'),
      'provider_quota_spent',
    ],
    ['project spend', 429, openAi(null, 'project_spend_limit_exceeded'), 'provider_quota_spent'],
    [
      'organization usage',
      429,
      openAi(null, 'organization_usage_limit_exceeded'),
      'provider_quota_spent',
    ],
    ['billing', 429, openAi(null, 'billing_not_active'), 'provider_quota_spent'],
    [
      'quota without code',
      429,
      openAi(
        null,
        '429',
        'You exceeded your current quota, please check your plan and billing details.',
      ),
      'provider_quota_spent',
    ],
    [
      'the same words for a limit',
      429,
      [
        {
          error: {
            code: 429,
            message: 'You exceeded your current quota, please check your plan and billing details.',
            status: 'RESOURCE_EXHAUSTED',
          },
        },
      ],
      'provider_throttled',
    ],
    ['slow down', 429, openAi('rate_limit_error', 'slow_down'), 'provider_throttled'],
    [
      'slow down as 503',
      503,
      openAi('service_unavailable_error', 'slow_down'),
      'provider_throttled',
    ],
    [
      'overload',
      503,
      openAi('service_unavailable_error', 'server_is_overloaded'),
      'provider_overloaded',
    ],
    ['bad key', 401, openAi('invalid_request_error', 'invalid_api_key'), 'provider_auth_failed'],
    [
      'bad request',
      400,
      openAi('invalid_request_error', 'empty_array', '', 'messages'),
      'provider_rejected',
    ],
    [
      'context',
      400,
      openAi('invalid_request_error', 'context_length_exceeded'),
      'context_length_exceeded',
    ],
    [
      'context by message',
      400,
      openAi('invalid_request_error', null, "This model's maximum context length is 8192 tokens."),
      'context_length_exceeded',
    ],
    [
      'Azure content filter',
      400,
      {
        error: {
          code: 'content_filter',
          message: 'x',
          innererror: { code: 'ResponsibleAIPolicyViolation' },
        },
      },
      'content_filtered',
    ],
    ['prompt policy', 400, openAi('invalid_request_error', 'invalid_prompt'), 'content_filtered'],
    ['unknown model', 404, openAi('invalid_request_error', 'model_not_found'), 'provider_rejected'],
    [
      'model not allowed',
      403,
      openAi(
        'invalid_request_error',
        'model_not_found',
        'Project `p` does not have access to model `gpt-4o-mini`',
      ),
      'provider_rejected',
    ],
    [
      'model not allowed, by name',
      403,
      openAi(null, null, 'No access to gpt-4o-mini'),
      'provider_rejected',
    ],
    [
      'not allowed',
      403,
      openAi('invalid_request_error', 'unsupported_country_region_territory'),
      'provider_auth_failed',
    ],
    [
      'Anthropic limit',
      429,
      anthropic(
        'rate_limit_error',
        "This request would exceed your organization's rate limit of 30,000 input tokens per minute",
      ),
      'provider_throttled',
    ],
    [
      'Anthropic spend limit',
      429,
      anthropic('rate_limit_error', 'Spend limit', 'enforced_spend_limit_reached'),
      'provider_quota_spent',
    ],
    [
      'Anthropic low credit',
      400,
      anthropic(
        'invalid_request_error',
        'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.',
      ),
      'provider_quota_spent',
    ],
    [
      'Anthropic own limit',
      400,
      anthropic(
        'invalid_request_error',
        'You have reached your specified API usage limits. You will regain access on 2026-12-01.',
      ),
      'provider_quota_spent',
    ],
    ['Anthropic overload', 529, anthropic('overloaded_error', 'Overloaded'), 'provider_overloaded'],
    [
      'Anthropic too long',
      400,
      anthropic('invalid_request_error', 'prompt is too long: 215000 tokens > 200000 maximum'),
      'context_length_exceeded',
    ],
    [
      'Anthropic filter',
      400,
      anthropic('invalid_request_error', 'Output blocked by content filtering policy'),
      'content_filtered',
    ],
    ['Anthropic too large', 413, anthropic('request_too_large'), 'payload_too_large'],
    ['Anthropic fault', 500, anthropic('api_error'), 'provider_error'],
    ['Anthropic timeout', 504, anthropic('timeout_error'), 'provider_timeout'],
    ['Anthropic billing', 402, anthropic('billing_error'), 'provider_quota_spent'],
    ['Anthropic key', 401, anthropic('authentication_error'), 'provider_auth_failed'],
    ['Anthropic permission', 403, anthropic('permission_error'), 'provider_auth_failed'],
    ['Anthropic not found', 404, anthropic('not_found_error'), 'provider_rejected'],
    ['Anthropic conflict', 409, anthropic('conflict_error'), 'provider_error'],
  ])('%s', (_name, statusCode, body, code) => {
    expect(classify(statusCode, body).code).toBe(code);
  });
});

describe('by status, for want of a code', () => {
  it.each<[number, ErrorCode]>([
    [301, 'provider_error'],
    [307, 'provider_error'],
    [400, 'provider_rejected'],
    [401, 'provider_auth_failed'],
    [402, 'provider_quota_spent'],
    [403, 'provider_auth_failed'],
    [404, 'provider_rejected'],
    [408, 'provider_timeout'],
    [409, 'provider_error'],
    [413, 'payload_too_large'],
    [418, 'provider_rejected'],
    [422, 'provider_rejected'],
    [429, 'provider_throttled'],
    [500, 'provider_error'],
    [502, 'provider_error'],
    [503, 'provider_overloaded'],
    [504, 'provider_timeout'],
    [524, 'provider_timeout'],
    [529, 'provider_overloaded'],
    [599, 'provider_error'],
    [999, 'provider_error'],
  ])('%i is %s', (statusCode, code) => {
    expect(classify(statusCode, undefined).code).toBe(code);
    expect(classify(statusCode, {}).code).toBe(code);
  });
});

describe('under a status of success', () => {
  it.each<[unknown, ErrorCode]>([
    [{ error: { code: 429, message: 'Too many requests' } }, 'provider_throttled'],
    [{ error: { code: 502, message: 'Bad gateway' } }, 'provider_error'],
    [{ status: 'failed', error: { code: 'server_error', message: 'x' } }, 'provider_error'],
    [
      { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'x' } },
      'provider_throttled',
    ],
    [{ status: 'failed', error: { code: 'invalid_prompt', message: 'x' } }, 'content_filtered'],
    [{ status: 'failed', error: { code: 'invalid_image', message: 'x' } }, 'provider_rejected'],
    [anthropic('overloaded_error'), 'provider_overloaded'],
    [{ error: 'it broke' }, 'provider_error'],
  ])('%o', (body, code) => {
    expect(classify(200, body).code).toBe(code);
  });
});

describe('in the flex lane', () => {
  const unavailable = openAi('rate_limit_error', 'resource_unavailable', 'Resource unavailable');

  it('a lack of flex capacity is no limit of ours', () => {
    expect(classify(429, unavailable, 'flex').code).toBe('lane_unavailable');
    expect(classify(498, { error: { message: 'capacity_exceeded' } }, 'flex').code).toBe(
      'lane_unavailable',
    );
    const notOffered = openAi(
      'invalid_request_error',
      null,
      'Invalid service_tier',
      'service_tier',
    );
    expect(classify(400, notOffered, 'flex').code).toBe('lane_unavailable');
  });

  it('other refusals are what they always are', () => {
    expect(classify(429, openAi('tokens', 'rate_limit_exceeded', TPM), 'flex').code).toBe(
      'provider_throttled',
    );
    expect(classify(429, unavailable, 'live').code).toBe('provider_throttled');
  });
});

describe('which limit refused', () => {
  it.each([
    [openAi('tokens', 'rate_limit_exceeded'), 'totalTokens'],
    [openAi('requests', 'rate_limit_exceeded'), 'requests'],
    [openAi(null, 'rate_limit_exceeded', 'on requests per day (RPD): Limit 200'), 'requests'],
    [openAi(null, '429', 'have exceeded token rate limit of your current tier'), 'totalTokens'],
    [openAi(null, '429', 'have exceeded call rate limit of your current tier'), 'requests'],
    [anthropic('rate_limit_error', 'rate limit of 30,000 input tokens per minute'), 'inputTokens'],
    [anthropic('rate_limit_error', 'rate limit of 8,000 output tokens per minute'), 'outputTokens'],
    [
      anthropic(
        'rate_limit_error',
        'Number of concurrent connections has exceeded your rate limit',
      ),
      'concurrency',
    ],
    [anthropic('rate_limit_error', 'Number of requests has exceeded your rate limit'), 'requests'],
    [openAi('images', 'rate_limit_exceeded', 'on images per min'), null],
  ])('%o: %s', (body, throttledBy) => {
    expect(classify(429, body).throttledBy).toBe(throttledBy);
  });
});

describe('the wait in the message', () => {
  it.each([
    ['Please try again in 1.2s. Visit', 1_200],
    ['Please try again in 6ms. Visit', 6],
    ['Please try again in 6m0s.', 360_000],
    ['Please retry after 6 seconds.', 6_000],
    ['Please retry after 1 second.', 1_000],
    ['Please try again in 30h0m0s.', 3_600_000],
    ['Please try again later.', null],
    ['Please try again in 5 weeks.', null],
  ])('%s', (message, waitMs) => {
    expect(classify(429, openAi('requests', 'rate_limit_exceeded', message)).retryAfterMs).toBe(
      waitMs,
    );
  });
});

describe('a caller cannot stop the provider for everybody', () => {
  it.each([
    'Invalid value: "your credit balance is too low". Supported values are: auto.',
    'Unknown parameter: insufficient_quota invalid_api_key authentication_error.',
    'messages.0: You exceeded your current quota, please check your plan.',
  ])('by being quoted: %s', (message) => {
    const { code } = classify(400, openAi('invalid_request_error', 'invalid_value', message));
    expect(ERROR_DISPOSITIONS[code]).toBe('give_up');
  });
});

it('classifies whatever comes', () => {
  const body = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        error: fc.oneof(
          fc.jsonValue(),
          fc.record(
            { message: fc.jsonValue(), type: fc.jsonValue(), code: fc.jsonValue() },
            { requiredKeys: [] },
          ),
        ),
      },
      { requiredKeys: [] },
    ),
    fc.constant(undefined),
  );
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), body, (statusCode, value) => {
      const found = classify(statusCode, value);
      expect(ERROR_DISPOSITIONS).toHaveProperty(found.code);
      expect(ERROR_DISPOSITIONS[found.code]).not.toBe('drop');
    }),
    { numRuns: 2_000 },
  );
});
