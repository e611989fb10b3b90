import { type Call, type Dialect, type Endpoint, isProblem, type Problem } from '../call.ts';
import { isObject } from '../json.ts';
import { openAi, rateHeaders } from './dialect.ts';
import { renderOpenAiProblem } from './errors.ts';

const UNAUTHORIZED =
  'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.';

/** Statuses whose errors carry nothing but a code and a message. Assumed from the service's texts. */
const TERSE_STATUSES = new Set([401, 404, 429]);

/** Azure OpenAI: OpenAI's bodies, its own gateway headers and errors. */
export const azureOpenAi: Dialect = {
  ...openAi,
  headers: (requestId, _settings, processingMs) => [
    'apim-request-id',
    asUuid(requestId),
    'x-ms-region',
    'Simulator',
    'x-request-id',
    asUuid(requestId),
    'x-envoy-upstream-service-time',
    String(processingMs),
  ],
  rateHeaders: (view) => rateHeaders(view, (ms) => String(Math.ceil(ms / 1_000))),
  refusal: (refused, model, view, settings) => {
    const problem = openAi.refusal(refused, model, view, settings);
    if (refused.kind === 'too_large') return problem;
    const kind = problem.type === 'tokens' ? 'token' : 'call';
    const seconds = Math.ceil(refused.retryAfterMs / 1_000);
    return {
      ...problem,
      message: `Requests to ${model} under Azure OpenAI API have exceeded ${kind} rate limit of your current OpenAI S0 pricing tier. Please retry after ${seconds} second${seconds === 1 ? '' : 's'}.`,
    };
  },
  unauthorized: () => ({
    status: 401,
    type: 'invalid_request_error',
    code: '401',
    param: null,
    message: UNAUTHORIZED,
  }),
  renderProblem: (problem, requestId) => {
    if (!TERSE_STATUSES.has(problem.status)) return renderOpenAiProblem(problem, requestId);
    const code = problem.status === 404 ? problem.code : String(problem.status);
    return JSON.stringify({ error: { code, message: problem.message } });
  },
};

/** The route of a deployment: its name in the path stands for the model in the body. */
export function deployment(name: string, endpoint: Endpoint): Endpoint {
  return {
    read(body, context): Call | Problem {
      const call = endpoint.read(isObject(body) ? { ...body, model: name } : body, context);
      if (!isProblem(call) || call.code !== 'model_not_found') return call;
      return {
        ...call,
        code: 'DeploymentNotFound',
        message:
          'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.',
      };
    },
  };
}

function asUuid(hex: string): string {
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return [...parts, hex.slice(20)].join('-');
}
