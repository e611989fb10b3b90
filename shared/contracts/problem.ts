/** How each error code looks to a caller over HTTP, in our own shape: RFC 9457 problem details. */

import * as z from 'zod';
import { AppError, type ErrorCode } from '../domain/errors.ts';

export interface ErrorPresentation {
  /** HTTP status. */
  readonly status: number;
  /** The same for every occurrence of the code. */
  readonly title: string;
}

/** Status and title of every code. What each means and what to do: docs/errors.md. */
export const ERROR_PRESENTATIONS: Readonly<Record<ErrorCode, ErrorPresentation>> = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_configuration: { status: 500, title: 'The configuration is not valid' },
  unknown_model: { status: 400, title: 'The model is not configured' },
  unsupported_endpoint: { status: 400, title: 'The model does not serve this endpoint' },
  duplicate_custom_id: { status: 400, title: 'Two requests have the same custom_id' },
  payload_too_large: { status: 413, title: 'The request is too large' },
  context_length_exceeded: { status: 400, title: 'The request exceeds the context window' },
  exceeds_rate_limit: { status: 400, title: 'The request is larger than a rate limit ever allows' },
  idempotency_conflict: { status: 422, title: 'The idempotency key was used for another request' },
  budget_exceeded: { status: 402, title: 'The budget is spent' },
  unauthenticated: { status: 401, title: 'The API key is missing or not known' },
  forbidden: { status: 403, title: 'The API key does not allow this' },
  signature_refused: { status: 401, title: 'The message is not signed as it must be' },
  not_found: { status: 404, title: 'Not found' },
  result_expired: { status: 410, title: 'The result is no longer kept' },
  not_cancellable: { status: 409, title: 'The request has already ended' },
  content_filtered: { status: 400, title: 'The provider filtered the content' },
  provider_rejected: { status: 400, title: 'The provider refused the request' },
  attempts_exhausted: { status: 503, title: 'Every attempt failed' },
  cancelled: { status: 409, title: 'The request was cancelled' },
  deadline_exceeded: { status: 504, title: 'The completion window has passed' },
  output_conflict: { status: 409, title: 'The output belongs to another run' },
  state_conflict: { status: 409, title: 'The state belongs to another run' },
  state_locked: { status: 409, title: 'The state is in use' },
  storage_full: { status: 507, title: 'The server has no storage left' },
  file_not_found: { status: 404, title: 'The file was not found' },
  empty_input: { status: 400, title: 'There is nothing to do' },
  server_unreachable: { status: 502, title: 'The Penstock server cannot be reached' },
  capacity_exhausted: { status: 429, title: 'No capacity is left now' },
  provider_throttled: { status: 503, title: 'The provider is limiting the rate' },
  lane_unavailable: { status: 503, title: 'The lane is not available now' },
  provider_overloaded: { status: 503, title: 'The provider is overloaded' },
  provider_timeout: { status: 503, title: 'The provider did not answer in time' },
  provider_unreachable: { status: 503, title: 'The provider cannot be reached' },
  provider_malformed: { status: 503, title: 'The provider gave an answer that cannot be read' },
  provider_error: { status: 503, title: 'The provider failed' },
  provider_auth_failed: { status: 503, title: 'The provider refuses the configured key' },
  provider_quota_spent: { status: 503, title: "The provider's quota or credit is spent" },
  lease_lost: { status: 500, title: 'Another worker has taken the request over' },
  internal: { status: 500, title: 'Penstock failed' },
};

export const fieldFaultSchema = z
  .object({
    pointer: z
      .string()
      .meta({ description: 'JSON Pointer to the field', examples: ['/body/model'] }),
    message: z.string(),
  })
  .meta({ id: 'FieldFault' });

/** One wrong field of what was sent. */
export type FieldFault = z.infer<typeof fieldFaultSchema>;

export const problemSchema = z
  .object({
    type: z.string().meta({ description: 'Where the code is explained' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What is wrong here, and what to do' }),
    instance: z.string().meta({ description: 'The x-request-id of this call' }).optional(),
    code: z.string(),
    retryable: z.boolean().meta({ description: 'Whether the same call may succeed later' }),
    errors: z.array(fieldFaultSchema),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });

export type Problem = z.infer<typeof problemSchema>;

/** How a refusal at the edge differs from what its code says. */
export interface ErrorContext {
  /** Names this call. */
  readonly instance?: string;
  /** HTTP status in place of the code's own, e.g. 405. */
  readonly status?: number;
}

/** An error about one field, named by JSON Pointer. */
export function fieldError(code: ErrorCode, pointer: string, message: string): AppError {
  return new AppError(code, pointer === '' ? message : `${pointer}: ${message}`, {
    details: { errors: [{ pointer, message }] },
  });
}

/** The faulty fields an error names, if it names any. */
export function fieldFaultsOf(error: AppError): FieldFault[] {
  return z.array(fieldFaultSchema).safeParse(error.details['errors']).data ?? [];
}

export function statusOf(error: AppError, context: ErrorContext = {}): number {
  return context.status ?? ERROR_PRESENTATIONS[error.code].status;
}

/** What may be said of an error: of our own faults only the title, since details may name paths. */
export function detailOf(error: AppError, context: ErrorContext = {}): string {
  if (statusOf(error, context) < 500) return error.message;
  return `${ERROR_PRESENTATIONS[error.code].title}. Try again later; if it lasts, report the x-request-id.`;
}

/** The error as problem details. */
export function toProblem(error: AppError, context: ErrorContext = {}): Problem {
  const { disposition } = error;
  return {
    type: `/docs/errors.md#${error.code}`,
    title: ERROR_PRESENTATIONS[error.code].title,
    status: statusOf(error, context),
    detail: detailOf(error, context),
    ...(context.instance === undefined ? {} : { instance: context.instance }),
    code: error.code,
    retryable: disposition === 'retry' || disposition === 'defer',
    errors: fieldFaultsOf(error),
  };
}
