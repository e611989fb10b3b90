/** The vendors' own routes, answered in one call: submit, wait, hand the provider's answer on. */

import * as z from 'zod';
import { idempotencyKeySchema } from '../../../shared/contracts/api.ts';
import {
  anthropicError,
  anthropicErrorSchema,
  openAiError,
  openAiErrorSchema,
} from '../../../shared/contracts/openai-error.ts';
import {
  ERROR_PRESENTATIONS,
  fieldError,
  fieldFaultsOf,
} from '../../../shared/contracts/problem.ts';
import { AppError, ERROR_DISPOSITIONS, type ErrorCode } from '../../../shared/domain/errors.ts';
import { ENDPOINTS, type Endpoint, PRIORITIES } from '../../../shared/domain/requests/request.ts';
import { isTerminal } from '../../../shared/domain/requests/request-state.ts';
import type { FoundRequest, GetRequest } from '../../../shared/usecases/get-request.ts';
import type { Submission, SubmitRequests } from '../../../shared/usecases/submit-requests.ts';
import { type ApiCall, type ApiRoute, errorShapeOf, idHeaders } from '../call.ts';
import { checkInput } from '../check-input.ts';
import { readModel } from '../parse-submissions.ts';
import { bodyFormat, parseJson, readBytes } from '../read-body.ts';
import { asStatus, sendJson } from '../respond.ts';
import { readIdempotencyKey } from './submissions.ts';

export interface CompletionRoutesDeps {
  readonly submitRequests: SubmitRequests;
  readonly getRequest: GetRequest;
  /** Unit: bytes. */
  readonly maxBodyBytes: number;
  /** Unit: ms. */
  readonly syncWaitMs: number;
}

const bodySchema = z.record(z.string(), z.unknown());

const ASYNCHRONOUS_ADVICE = 'send it to POST /v1/requests and read the answer later';

export function completionRoutes(deps: CompletionRoutesDeps): ApiRoute[] {
  return ENDPOINTS.map((endpoint) => completionRoute(endpoint, deps));
}

function completionRoute(endpoint: Endpoint, deps: CompletionRoutesDeps): ApiRoute {
  const { submitRequests, getRequest, maxBodyBytes, syncWaitMs } = deps;
  const isAnthropic = errorShapeOf(endpoint) === 'anthropic';
  return {
    config: {
      method: 'post',
      path: endpoint,
      summary: `${isAnthropic ? "Anthropic's" : "OpenAI's"} route, paced within your limits`,
      description: `Waits for the answer and hands it on as it is. Not streamed. What takes longer: ${ASYNCHRONOUS_ADVICE}.`,
      request: {
        headers: z.object({ 'idempotency-key': idempotencyKeySchema.optional() }),
        body: { content: { 'application/json': { schema: bodySchema } } },
      },
      responses: {
        200: {
          description: "The provider's answer",
          content: { 'application/json': { schema: bodySchema } },
        },
        default: {
          description: 'Refused, or the provider refused',
          content: {
            'application/json': { schema: isAnthropic ? anthropicErrorSchema : openAiErrorSchema },
          },
        },
      },
    },
    scope: 'write',
    async handle(call) {
      const { headers } = call.context.req.raw;
      bodyFormat(headers, false);
      const key = readIdempotencyKey(headers);
      const body = parseJson(await readBytes(call.context.req.raw, maxBodyBytes));
      const submission = toSubmission(endpoint, body, key);
      const [outcome] = await submitRequests(call.principal, [submission]);
      if (outcome === undefined) throw new AppError('internal', 'The submission has no outcome');
      if (outcome.kind === 'refused') throw rootedAtBody(outcome.error);
      const wait = { waitMs: syncWaitMs, signal: call.signal };
      return handOn(call, endpoint, await getRequest(call.tenant, outcome.id, wait), syncWaitMs);
    },
  };
}

function toSubmission(endpoint: Endpoint, value: unknown, headerKey: string | null): Submission {
  const body = checkInput(bodySchema, value);
  const model = readModel(body, '/model');
  if (model === null) throw fieldError('invalid_request', '/model', 'is missing. Name a model');
  if (body['stream'] === true) {
    const message = `true is not possible here: answers come whole. Leave stream out, or ${ASYNCHRONOUS_ADVICE}`;
    throw fieldError('invalid_request', '/stream', message);
  }
  return {
    idempotencyKey: headerKey ?? keyInMetadata(body['metadata']),
    customId: null,
    model,
    endpoint,
    body,
    completionWindowMs: null,
    // Without a deadline the planner runs it live.
    lane: null,
    priority: PRIORITIES.interactive,
    tags: [],
  };
}

/** For SDKs that make a header hard to send. */
function keyInMetadata(metadata: unknown): string | null {
  if (typeof metadata !== 'object' || metadata === null) return null;
  if (!('idempotency_key' in metadata)) return null;
  return checkInput(metadataKeySchema, { metadata }).metadata.idempotency_key;
}

const metadataKeySchema = z.object({
  metadata: z.object({ idempotency_key: idempotencyKeySchema }),
});

/** The error as seen by a caller whose body is the request itself. */
function rootedAtBody(error: AppError): AppError {
  const [fault] = fieldFaultsOf(error);
  if (fault === undefined) return error;
  return fieldError(error.code, fault.pointer.replace(/^\/body/, ''), fault.message);
}

/** The answer as it is, or in the vendor's shape why there is none. */
function handOn(
  call: ApiCall,
  endpoint: Endpoint,
  { view, answer }: FoundRequest,
  waitedMs: number,
): Response {
  const seconds = Math.round(waitedMs / 1_000);
  if (!isTerminal(view.status)) {
    const message = `No answer within ${seconds} s. The request goes on as ${view.id}: read it from GET /v1/requests/${view.id}, or send it again with the same idempotency key`;
    return refuse(call, endpoint, view.id, 504, 'timeout', message);
  }
  const { statusCode = 0, bodyJson = null, error = null } = answer ?? {};
  if (bodyJson !== null && statusCode > 0) {
    const hasFailed = statusCode >= 400;
    return sendJson(call.context, asStatus(statusCode), bodyJson, headersFor(view.id, hasFailed));
  }
  const code = error?.code ?? 'internal';
  const status = isErrorCode(code) ? ERROR_PRESENTATIONS[code].status : 502;
  const message = error?.message ?? ERROR_PRESENTATIONS.internal.title;
  return refuse(call, endpoint, view.id, status, code, message);
}

function refuse(
  { context }: ApiCall,
  endpoint: Endpoint,
  id: string,
  status: number,
  code: string,
  message: string,
): Response {
  const error =
    errorShapeOf(endpoint) === 'anthropic'
      ? anthropicError(status, message, id)
      : openAiError(status, message, { code });
  return sendJson(context, status, JSON.stringify(error), headersFor(id, true));
}

/**
 * The request's id in place of the call's. Attempts have been made here already: an SDK that
 * tried again would submit, and pay for, the same request anew.
 */
function headersFor(id: string, hasFailed: boolean): Record<string, string> {
  const named = idHeaders(id);
  return hasFailed ? { ...named, 'x-should-retry': 'false' } : named;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_DISPOSITIONS, code);
}
