import type { Problem } from '../call.ts';
import type { FaultKind } from '../faults.ts';
import type { Admission, RefusalReason } from '../limits.ts';
import type { Settings } from '../options.ts';

const LIMIT_NAMES: Readonly<Record<RefusalReason, string>> = {
  requests: 'requests per minute',
  requestsPerDay: 'requests per day',
  inputTokens: 'input tokens per minute',
  outputTokens: 'output tokens per minute',
  totalTokens: 'tokens per minute',
  concurrency: 'concurrent connections',
};

/** An error of the given type; Anthropic's errors have neither code nor parameter. */
export function anthropicProblem(status: number, type: string, message: string): Problem {
  return { status, type, code: null, param: null, message };
}

export function invalidMessage(message: string): Problem {
  return anthropicProblem(400, 'invalid_request_error', message);
}

/** The 429 of an empty bucket, or of a request that no bucket can ever hold. */
export function anthropicRefusal(
  refused: Exclude<Admission, { kind: 'admitted' }>,
  model: string,
  limit: number | undefined,
  { organization }: Settings,
): Problem {
  const figure = limit === undefined ? '' : ` of ${limit.toLocaleString('en-US')}`;
  const message = `This request would exceed your organization's rate limit${figure} ${LIMIT_NAMES[refused.reason]} (org: ${organization}, model: ${model}). For details, refer to: https://docs.claude.com/en/api/rate-limits.`;
  const problem = anthropicProblem(429, 'rate_limit_error', message);
  return refused.kind === 'too_large'
    ? problem
    : { ...problem, retryAfterMs: refused.retryAfterMs };
}

/** The body Anthropic answers a fault with; what it has no word for becomes its overload. */
export function anthropicFault(kind: FaultKind): Problem {
  switch (kind) {
    case 'http401':
      return anthropicProblem(401, 'authentication_error', 'invalid x-api-key');
    case 'http429':
      return anthropicProblem(
        429,
        'rate_limit_error',
        'Number of requests has exceeded your rate limit.',
      );
    case 'http429_bare':
      return { ...anthropicProblem(429, 'rate_limit_error', 'Too many requests.'), isBare: true };
    case 'quota':
      return {
        ...anthropicProblem(
          429,
          'rate_limit_error',
          'Your organization has reached its enforced spend limit.',
        ),
        detail: 'enforced_spend_limit_reached',
      };
    case 'slow_down':
    case 'slow_down_503':
      return anthropicProblem(
        429,
        'rate_limit_error',
        'Your usage increases too fast (acceleration limit). Scale up gradually.',
      );
    case 'http500':
      return anthropicProblem(500, 'api_error', 'Internal server error');
    case 'http504':
      return anthropicProblem(504, 'timeout_error', 'The request timed out.');
    default:
      return anthropicProblem(529, 'overloaded_error', 'Overloaded');
  }
}

export function renderAnthropicProblem(
  { type, message, detail }: Problem,
  requestId: string,
): string {
  const details = detail === undefined ? {} : { details: { error_code: detail } };
  const error = { type, message, ...details };
  return JSON.stringify({ type: 'error', error, request_id: `req_${requestId}` });
}
