/** Errors as the official SDKs read them: OpenAI's shape, and Anthropic's. */

import * as z from 'zod';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import { detailOf, type ErrorContext, fieldFaultsOf, statusOf } from './problem.ts';

export const openAiErrorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: 'OpenAiError' });

export const anthropicErrorSchema = z
  .object({
    type: z.literal('error'),
    error: z.object({ type: z.string(), message: z.string() }),
    request_id: z.string(),
  })
  .meta({ id: 'AnthropicError' });

export type OpenAiError = z.infer<typeof openAiErrorSchema>;
export type AnthropicError = z.infer<typeof anthropicErrorSchema>;

/** Codes SDK users already branch on, where OpenAI has its own word. */
const OPENAI_CODES: Partial<Record<ErrorCode, string>> = {
  unknown_model: 'model_not_found',
  unauthenticated: 'invalid_api_key',
  capacity_exhausted: 'rate_limit_exceeded',
};

/** Both vendors answer an unknown model with 404, and their SDKs have a class for it. */
const VENDOR_STATUSES: Partial<Record<ErrorCode, number>> = { unknown_model: 404 };

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
};

/** The HTTP status on a route that stands in for a vendor's. */
export function vendorStatusOf(error: AppError, context: ErrorContext = {}): number {
  return context.status ?? VENDOR_STATUSES[error.code] ?? statusOf(error);
}

/**
 * A refusal in OpenAI's own words. `param` is the field in OpenAI's spelling, e.g.
 * `expires_after.seconds`; `null` when it is about none.
 */
export function openAiRefusal(
  message: string,
  param: string | null,
  vendorCode: string,
  code: ErrorCode = 'invalid_request',
): AppError {
  const errors = param === null ? [] : [{ pointer: `/${param.replaceAll('.', '/')}`, message }];
  return new AppError(code, message, { details: { errors, vendorCode } });
}

/** The error in OpenAI's shape. `param` is the field in OpenAI's spelling, e.g. `messages.0`. */
export function toOpenAiError(error: AppError, context: ErrorContext = {}): OpenAiError {
  const pointer = fieldFaultsOf(error)[0]?.pointer;
  const { vendorCode } = error.details;
  return openAiError(vendorStatusOf(error, context), detailOf(error, context), {
    code: typeof vendorCode === 'string' ? vendorCode : (OPENAI_CODES[error.code] ?? error.code),
    param: pointer ? pointer.slice(1).replaceAll('/', '.') : null,
  });
}

/** The error in Anthropic's shape. */
export function toAnthropicError(error: AppError, context: ErrorContext = {}): AnthropicError {
  const message = detailOf(error, context);
  return anthropicError(vendorStatusOf(error, context), message, context.instance ?? '');
}

export function openAiError(
  status: number,
  message: string,
  { code, param = null }: { readonly code: string; readonly param?: string | null },
): OpenAiError {
  return { error: { message, type: openAiType(status), param, code } };
}

export function anthropicError(status: number, message: string, requestId: string): AnthropicError {
  const fallback = status >= 500 ? 'api_error' : 'invalid_request_error';
  const type = ANTHROPIC_TYPES[status] ?? fallback;
  return { type: 'error', error: { type, message }, request_id: requestId };
}

function openAiType(status: number): string {
  if (status === 429) return 'rate_limit_error';
  if (status === 504) return 'timeout';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
