import type { Dialect, FlatHeaders, View } from '../call.ts';
import type { BucketView } from '../limits.ts';
import {
  anthropicFault,
  anthropicProblem,
  anthropicRefusal,
  invalidMessage,
  renderAnthropicProblem,
} from './errors.ts';

/** Token figures are rounded to so many. Documented. */
const ROUNDING_TOKENS = 1_000;

const NO_UNITS = { requests: 0, requestsPerDay: 0 };

/** Anthropic as its documentation describes it. */
export const anthropic: Dialect = {
  charge: (call, _model, cachedTokens) => {
    const estimate = Math.max(0, call.estimateTokens - cachedTokens);
    const perCall = { requests: 1, requestsPerDay: 1 };
    return { ...perCall, inputTokens: estimate, outputTokens: 0, totalTokens: estimate };
  },
  settle: (_call, charged, usage) => {
    const inputTokens = usage.promptTokens - usage.cachedTokens - charged.inputTokens;
    const { outputTokens } = usage;
    return { ...NO_UNITS, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
  },
  headers: (requestId, { organization }) => [
    'request-id',
    `req_${requestId}`,
    'anthropic-organization-id',
    organization,
  ],
  rateHeaders,
  retryHeaders: (retryAfterMs) => ['retry-after', String(Math.ceil(retryAfterMs / 1_000))],
  refusal: (refused, model, view, settings) => {
    const bucket = refused.reason === 'concurrency' ? undefined : view(refused.reason);
    return anthropicRefusal(refused, model, bucket?.limit, settings);
  },
  fault: anthropicFault,
  unauthorized: (key) =>
    anthropicProblem(
      401,
      'authentication_error',
      key === undefined ? 'x-api-key header is required' : 'invalid x-api-key',
    ),
  notJson: () => invalidMessage('The request body is not valid JSON'),
  tooLarge: () =>
    anthropicProblem(413, 'request_too_large', 'Request exceeds the maximum size of 32 MB'),
  renderProblem: renderAnthropicProblem,
  levelsInHeaders: 'answer',
  invalidSpendsQuota: false,
};

function rateHeaders(view: View, nowMs: number): FlatHeaders {
  const input = view('inputTokens');
  const output = view('outputTokens');
  const total = view('totalTokens') ?? (input && output && addViews(input, output));
  return [
    ...bucketHeaders('requests', view('requestsPerDay') ?? view('requests'), 1, nowMs),
    ...bucketHeaders('tokens', total, ROUNDING_TOKENS, nowMs),
    ...bucketHeaders('input-tokens', input, ROUNDING_TOKENS, nowMs),
    ...bucketHeaders('output-tokens', output, ROUNDING_TOKENS, nowMs),
  ];
}

/** Recorded: the figures of `tokens` are the sums of those of input and output. */
function addViews(one: BucketView, other: BucketView): BucketView {
  return {
    limit: one.limit + other.limit,
    remaining: one.remaining + other.remaining,
    resetMs: Math.max(one.resetMs, other.resetMs),
  };
}

function bucketHeaders(
  name: string,
  bucket: BucketView | undefined,
  rounding: number,
  nowMs: number,
): string[] {
  if (bucket === undefined) return [];
  const resetSeconds = Math.ceil((nowMs + bucket.resetMs) / 1_000);
  return [
    `anthropic-ratelimit-${name}-limit`,
    String(bucket.limit),
    `anthropic-ratelimit-${name}-remaining`,
    String(Math.round(bucket.remaining / rounding) * rounding),
    `anthropic-ratelimit-${name}-reset`,
    new Date(resetSeconds * 1_000).toISOString().replace('.000Z', 'Z'),
  ];
}
