import { ResponseType, type RestApi } from 'aws-cdk-lib/aws-apigateway';

/** An answer of the gateway itself, before any function was asked. */
interface GatewayProblem {
  readonly id: string;
  readonly type: ResponseType;
  readonly status: number;
  /** One of shared/domain/errors.ts; a test compares it with shared/contracts/problem.ts. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly isRetryable: boolean;
  /** Header values as the gateway wants them: quoted. */
  readonly headers?: Readonly<Record<string, string>>;
}

const LATER = 'Penstock failed. Try again later; if it lasts, report the x-request-id.';

export const GATEWAY_PROBLEMS: readonly GatewayProblem[] = [
  {
    id: 'Unauthorized',
    type: ResponseType.UNAUTHORIZED,
    status: 401,
    code: 'unauthenticated',
    title: 'The API key is missing or not known',
    detail: 'Send a valid API key as "Authorization: Bearer <key>" or "x-api-key: <key>".',
    isRetryable: false,
    headers: { 'www-authenticate': "'Bearer'" },
  },
  {
    id: 'AccessDenied',
    type: ResponseType.ACCESS_DENIED,
    status: 403,
    code: 'forbidden',
    title: 'The API key does not allow this',
    detail: 'The API key does not allow this call. Ask whoever made the key.',
    isRetryable: false,
  },
  {
    // Also what the gateway says of a path it does not have, such as its root.
    id: 'NoSuchRoute',
    type: ResponseType.MISSING_AUTHENTICATION_TOKEN,
    status: 404,
    code: 'not_found',
    title: 'Not found',
    detail: 'No route has this path and method. See /openapi.json',
    isRetryable: false,
  },
  {
    id: 'TooLarge',
    type: ResponseType.REQUEST_TOO_LARGE,
    status: 413,
    code: 'payload_too_large',
    title: 'The request is too large',
    detail:
      'One call carries at most some 4 MB here. Split the lines over several calls, or use penstock submit, which uploads larger files.',
    isRetryable: false,
  },
  {
    id: 'Throttled',
    type: ResponseType.THROTTLED,
    status: 429,
    code: 'capacity_exhausted',
    title: 'No capacity is left now',
    detail: 'Too many calls a second. Try again after the time in Retry-After.',
    isRetryable: true,
    headers: { 'retry-after': "'1'" },
  },
  {
    id: 'BadRequest',
    type: ResponseType.DEFAULT_4XX,
    status: 400,
    code: 'invalid_request',
    title: 'The request is not valid',
    detail: 'The gateway could not read the request.',
    isRetryable: false,
  },
  {
    id: 'IntegrationTimeout',
    type: ResponseType.INTEGRATION_TIMEOUT,
    status: 504,
    code: 'internal',
    title: 'Penstock failed',
    detail: LATER,
    isRetryable: true,
    headers: { 'retry-after': "'5'" },
  },
  {
    id: 'Failed',
    type: ResponseType.DEFAULT_5XX,
    status: 500,
    code: 'internal',
    title: 'Penstock failed',
    detail: LATER,
    isRetryable: true,
    headers: { 'retry-after': "'5'" },
  },
];

/**
 * Lets the gateway's own answers look like those of the API: problem details, with the fields the
 * official OpenAI SDKs read beside them.
 */
export function addGatewayProblems(api: RestApi): void {
  for (const { id, type, status, headers, ...problem } of GATEWAY_PROBLEMS) {
    api.addGatewayResponse(id, {
      type,
      statusCode: String(status),
      responseHeaders: {
        'content-type': "'application/problem+json'",
        'x-request-id': 'context.requestId',
        'cache-control': "'no-store'",
        'x-content-type-options': "'nosniff'",
        ...headers,
      },
      templates: { 'application/json': bodyOf(status, problem) },
    });
  }
}

type ProblemText = Pick<GatewayProblem, 'code' | 'title' | 'detail' | 'isRetryable'>;

function bodyOf(status: number, { code, title, detail, isRetryable }: ProblemText): string {
  return JSON.stringify({
    type: `/docs/errors.md#${code}`,
    title,
    status,
    detail,
    instance: '$context.requestId',
    code,
    retryable: isRetryable,
    errors: [],
    error: {
      message: detail,
      type: openAiType(status),
      param: null,
      code: OPENAI_CODES[code] ?? code,
    },
  });
}

/** Codes that OpenAI has its own word for. */
const OPENAI_CODES: Readonly<Record<string, string>> = {
  unauthenticated: 'invalid_api_key',
  capacity_exhausted: 'rate_limit_exceeded',
};

/** What OpenAI calls errors of a status. */
function openAiType(status: number): string {
  if (status === 429) return 'rate_limit_error';
  if (status === 504) return 'timeout';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
