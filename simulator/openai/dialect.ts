import type { Dialect, FlatHeaders, View } from '../call.ts';
import { invalidRequest, openAiFault, refusalProblem, renderOpenAiProblem } from './errors.ts';

/** OpenAI as its recordings show it. */
export const openAi: Dialect = {
  charge: (call, { charge }) => ({
    requests: 1,
    requestsPerDay: 1,
    inputTokens: call.estimateTokens,
    outputTokens: call.maxOutputTokens ?? 0,
    totalTokens: chargedTokens(charge, call.estimateTokens, call.maxOutputTokens),
  }),
  settle: () => undefined,
  headers: (requestId, { organization }, processingMs) => [
    'openai-organization',
    organization,
    'openai-processing-ms',
    String(processingMs),
    'openai-version',
    '2020-10-01',
    'x-request-id',
    `req_${requestId}`,
  ],
  rateHeaders: (view) => rateHeaders(view, formatGoDuration),
  retryHeaders: (retryAfterMs) => [
    'retry-after',
    String(Math.ceil(retryAfterMs / 1_000)),
    'retry-after-ms',
    String(Math.ceil(retryAfterMs)),
  ],
  refusal: refusalProblem,
  fault: openAiFault,
  unauthorized: (key) => ({
    status: 401,
    type: 'invalid_request_error',
    code: 'invalid_api_key',
    param: null,
    message:
      key === undefined
        ? "You didn't provide an API key. Send it in an Authorization header: Bearer YOUR_KEY."
        : `Incorrect API key provided: ${maskKey(key)}. You can find your API key at https://platform.openai.com/account/api-keys.`,
  }),
  notJson: () => invalidRequest('We could not parse the JSON body of your request.', null, null),
  tooLarge: () => ({
    ...invalidRequest('The request body is too large.', null, null),
    status: 413,
  }),
  renderProblem: renderOpenAiProblem,
  levelsInHeaders: 'admission',
  invalidSpendsQuota: true,
};

/** Documented: the larger of max_tokens and the estimate; the other rules are for experiments. */
function chargedTokens(
  rule: 'max' | 'sum' | 'prompt',
  estimateTokens: number,
  maxOutputTokens = 0,
): number {
  if (rule === 'prompt') return estimateTokens;
  return rule === 'sum'
    ? estimateTokens + maxOutputTokens
    : Math.max(estimateTokens, maxOutputTokens);
}

/** The x-ratelimit headers; a daily request limit, where there is one, stands in for the minute's. */
export function rateHeaders(view: View, formatReset: (ms: number) => string): FlatHeaders {
  const headers: string[] = [];
  const named = [
    ['requests', view('requestsPerDay') ?? view('requests')],
    ['tokens', view('totalTokens')],
  ] as const;
  for (const [name, bucket] of named) {
    if (bucket === undefined) continue;
    headers.push(`x-ratelimit-limit-${name}`, String(bucket.limit));
    headers.push(`x-ratelimit-remaining-${name}`, String(bucket.remaining));
    headers.push(`x-ratelimit-reset-${name}`, formatReset(bucket.resetMs));
  }
  return headers;
}

/** Writes a duration as Go does: `0s`, `4ms`, `8.64s`, `1m4.296s`, `6m0s`. */
export function formatGoDuration(ms: number): string {
  const whole = Math.floor(ms);
  if (whole === 0) return '0s';
  if (whole < 1_000) return `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor(whole / 60_000) % 60;
  const seconds = `${(whole % 60_000) / 1_000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

function maskKey(key: string): string {
  return key.length <= 8 ? '*'.repeat(key.length) : `${key.slice(0, 4)}****${key.slice(-4)}`;
}
