/** Answers: JSON with the same headers everywhere, and every error in the shape its caller reads. */

import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { METRICS } from '../../shared/contracts/metric-names.ts';
import {
  toAnthropicError,
  toOpenAiError,
  vendorStatusOf,
} from '../../shared/contracts/openai-error.ts';
import { type ErrorContext, statusOf, toProblem } from '../../shared/contracts/problem.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import { type ApiEnv, errorShapeOf, MethodNotAllowed } from './call.ts';
import { UnsupportedMediaType } from './read-body.ts';

/** Sends JSON text as it is. */
export function sendJson(
  context: Context,
  status: number,
  json: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return context.body(json, asStatus(status), { 'content-type': 'application/json', ...headers });
}

/** Answers whatever a route threw. Faults of ours are logged; their insides are not shown. */
export function sendError(
  context: Context<ApiEnv>,
  thrown: unknown,
  telemetry: Telemetry,
): Response {
  const callId = context.get('callId');
  const { error, status, headers } = readThrown(thrown);
  const errorContext: ErrorContext = {
    instance: callId,
    ...(status === undefined ? {} : { status }),
  };
  if (statusOf(error, errorContext) >= 500) {
    const { code, message } = error;
    telemetry.log('error', 'API call failed', { callId, code, message, cause: causeOf(error) });
    telemetry.count(METRICS.apiFault, 1);
  }
  telemetry.count(METRICS.apiError, 1, { code: error.code });
  return write(context, error, errorContext, headers);
}

interface ReadableError {
  readonly error: AppError;
  /** Where HTTP has a status that the code does not name. */
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
}

function readThrown(thrown: unknown): ReadableError {
  if (thrown instanceof AppError) return { error: thrown, headers: headersOf(thrown) };
  if (thrown instanceof MethodNotAllowed) {
    const error = new AppError('invalid_request', thrown.message);
    return { error, status: 405, headers: { allow: thrown.allowed } };
  }
  if (thrown instanceof UnsupportedMediaType) {
    const error = new AppError('invalid_request', thrown.message);
    return { error, status: 415, headers: {} };
  }
  const error = new AppError('internal', 'Unexpected fault', { cause: thrown });
  return { error, headers: {} };
}

function write(
  context: Context,
  error: AppError,
  errorContext: ErrorContext,
  headers: Readonly<Record<string, string>>,
): Response {
  switch (errorShapeOf(context.req.path)) {
    case 'openai': {
      const status = vendorStatusOf(error, errorContext);
      return sendJson(context, status, JSON.stringify(toOpenAiError(error, errorContext)), headers);
    }
    case 'anthropic': {
      const status = vendorStatusOf(error, errorContext);
      const json = JSON.stringify(toAnthropicError(error, errorContext));
      return sendJson(context, status, json, headers);
    }
    case 'problem': {
      const problem = toProblem(error, errorContext);
      return sendJson(context, problem.status, JSON.stringify(problem), {
        ...headers,
        'content-type': 'application/problem+json',
      });
    }
  }
}

function headersOf({ code, details }: AppError): Record<string, string> {
  if (code === 'unauthenticated') return { 'www-authenticate': 'Bearer' };
  const { retryAfterMs } = details;
  if (typeof retryAfterMs !== 'number') return {};
  return {
    'retry-after': String(Math.ceil(retryAfterMs / 1_000)),
    'retry-after-ms': String(Math.ceil(retryAfterMs)),
  };
}

/** Name and stack of a fault, for the log; never what the caller sent. */
function causeOf({ cause }: AppError): string | undefined {
  return cause instanceof Error ? cause.stack : undefined;
}

/** Hono names the statuses that may carry a body; a number from elsewhere is checked, not believed. */
export function asStatus(status: number): ContentfulStatusCode {
  return isContentful(status) ? status : 500;
}

function isContentful(status: number): status is ContentfulStatusCode {
  return (
    Number.isInteger(status) && status >= 200 && status <= 599 && ![204, 205, 304].includes(status)
  );
}
