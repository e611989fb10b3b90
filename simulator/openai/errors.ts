import type { Problem, View } from '../call.ts';
import type { FaultKind } from '../faults.ts';
import type { Admission, RefusalReason } from '../limits.ts';
import type { Settings } from '../options.ts';

/** How messages name a limit: its error type, and its name in prose. */
const LIMIT_NAMES: Readonly<Record<RefusalReason, readonly [type: string, name: string]>> = {
  requests: ['requests', 'requests per min (RPM)'],
  requestsPerDay: ['requests', 'requests per day (RPD)'],
  inputTokens: ['tokens', 'input tokens per min (ITPM)'],
  outputTokens: ['tokens', 'output tokens per min (OTPM)'],
  totalTokens: ['tokens', 'tokens per min (TPM)'],
  concurrency: ['requests', 'concurrent requests'],
};

const MORE = 'Visit https://platform.openai.com/account/rate-limits to learn more.';

/** The 429 of an empty bucket, or of a request that no bucket can ever hold. */
export function refusalProblem(
  refused: Exclude<Admission, { kind: 'admitted' }>,
  model: string,
  view: View,
  { organization }: Settings,
): Problem {
  const [type, name] = LIMIT_NAMES[refused.reason];
  const subject = `for ${model} in organization ${organization} on ${name}`;
  const problem = { status: 429, type, code: 'rate_limit_exceeded', param: null };
  if (refused.kind === 'too_large') {
    const { ceiling, requested } = refused;
    return {
      ...problem,
      message: `Request too large ${subject}: Limit ${ceiling}, Requested ${requested}. The input or output tokens must be reduced in order to run successfully. ${MORE}`,
    };
  }
  const bucket = refused.reason === 'concurrency' ? undefined : view(refused.reason);
  const figures = bucket ? `: Limit ${bucket.limit}, Used ${bucket.limit - bucket.remaining}` : '';
  const { retryAfterMs } = refused;
  return {
    ...problem,
    message: `Rate limit reached ${subject}${figures}. Please try again in ${formatWait(retryAfterMs)}. ${MORE}`,
    retryAfterMs,
  };
}

function formatWait(ms: number): string {
  return ms < 1_000 ? `${Math.ceil(ms)}ms` : `${Math.ceil(ms) / 1_000}s`;
}

/** The body OpenAI answers a fault with. */
export function openAiFault(kind: FaultKind, model: string): Problem {
  const make = (status: number, type: string, code: string | null, message: string): Problem => ({
    status,
    type,
    code,
    param: null,
    message,
  });
  const limited = `Rate limit reached for ${model} on requests per min (RPM). Please try again in 1s. ${MORE}`;
  switch (kind) {
    case 'http401':
      return make(401, 'invalid_request_error', 'invalid_api_key', 'Incorrect API key provided.');
    case 'http429':
      return make(429, 'requests', 'rate_limit_exceeded', limited);
    case 'http429_bare':
      return { ...make(429, 'requests', 'rate_limit_exceeded', limited), isBare: true };
    case 'quota':
      return make(
        429,
        'insufficient_quota',
        'insufficient_quota',
        'You exceeded your current quota, please check your plan and billing details.',
      );
    case 'slow_down':
      return make(
        429,
        'rate_limit_error',
        'slow_down',
        'Your traffic grows too fast. Slow down to the earlier rate, then raise it gradually.',
      );
    case 'slow_down_503':
      return make(
        503,
        'service_unavailable_error',
        'slow_down',
        'Your traffic grows too fast. Slow down to the earlier rate, then raise it gradually.',
      );
    case 'flex_unavailable':
      return make(
        429,
        'rate_limit_error',
        'resource_unavailable',
        'Resource unavailable: there is no flex capacity for this model now. You were not charged.',
      );
    case 'http500':
      return make(
        500,
        'server_error',
        null,
        'The server had an error while processing your request. Sorry about that!',
      );
    case 'http504':
      return make(504, 'server_error', null, 'The request timed out.');
    default:
      return make(
        503,
        'service_unavailable_error',
        'server_is_overloaded',
        'The model is currently overloaded. Please try again later.',
      );
  }
}

export function renderOpenAiProblem(
  { message, type, param, code }: Problem,
  _requestId: string,
): string {
  return JSON.stringify({ error: { message, type, param, code } });
}

/** A 400 that names the parameter at fault. */
export function invalidRequest(
  message: string,
  param: string | null,
  code: string | null,
  chargedTo?: string,
): Problem {
  return { status: 400, type: 'invalid_request_error', code, param, message, chargedTo };
}

export function unknownModel(model: string): Problem {
  return {
    status: 404,
    type: 'invalid_request_error',
    code: 'model_not_found',
    param: 'model',
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
  };
}
