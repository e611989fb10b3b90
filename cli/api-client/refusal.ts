import { openAiErrorSchema } from '../../shared/contracts/openai-error.ts';
import { problemSchema } from '../../shared/contracts/problem.ts';
import { AppError, ERROR_DISPOSITIONS, type ErrorCode } from '../../shared/domain/errors.ts';
import type { HttpAnswer } from './http-answer.ts';

/** Longest quotation of an answer that is not ours. Unit: characters. */
const MOST_QUOTED = 120;

export interface RefusedCall {
  readonly baseUrl: string;
  readonly hasKey: boolean;
  readonly path: string;
}

/** A refusal as an error with the server's own code and words, and what to do about it here. */
export function refusalOf(answer: HttpAnswer, { baseUrl, hasKey, path }: RefusedCall): AppError {
  const { status } = answer;
  const json = parseJson(answer.bytes);
  const problem = problemSchema.safeParse(json).data;
  const openAi = openAiErrorSchema.safeParse(json).data?.error;
  // A Penstock speaks OpenAI's language on OpenAI's own paths only.
  const isOurs = problem !== undefined || path.startsWith('/v1/models');
  const detail = isOurs ? (problem?.detail ?? openAi?.message) : undefined;
  if (status === 401) return unauthenticated(baseUrl, hasKey);
  // API Gateway itself answers {"message": "Forbidden"} to a call without a key it knows.
  if (status === 403 && detail === undefined) return unauthenticated(baseUrl, hasKey);
  if (detail === undefined) return notPenstock(answer, baseUrl);
  const code = problem?.code ?? openAi?.code ?? '';
  const message =
    status === 403 ? `${detail}. Use a key that has it: --key or PENSTOCK_KEY` : detail;
  return new AppError(isErrorCode(code) ? code : codeOfStatus(status), message, {
    details: { status, ...(json === undefined ? {} : { answer: json }) },
  });
}

/** What answered is something else. */
export function notPenstock({ status, headers, bytes }: HttpAnswer, baseUrl: string): AppError {
  const location = headers.get('location');
  const type = headers.get('content-type') ?? 'no content type';
  const start = bytes.toString().slice(0, MOST_QUOTED).replace(/\s+/g, ' ');
  const what = location === null ? `${type}: ${start}` : `redirected to ${location}`;
  return new AppError(
    'server_unreachable',
    `${baseUrl} answers, but not as Penstock does (HTTP ${status}, ${what}). Check --api (or PENSTOCK_API): it is the address before /v1.`,
    { details: { status } },
  );
}

function unauthenticated(baseUrl: string, hasKey: boolean): AppError {
  const message = hasKey
    ? `${baseUrl} does not know this key, or it was revoked. Give another with --key or PENSTOCK_KEY; an administrator makes one with penstock keys create.`
    : `${baseUrl} asks for a key. Give it with --key, or better in PENSTOCK_KEY.`;
  return new AppError('unauthenticated', message);
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 404) return 'not_found';
  if (status === 413) return 'payload_too_large';
  if (status === 429) return 'capacity_exhausted';
  return status >= 500 ? 'internal' : 'invalid_request';
}

/** True for a code that this version knows. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_DISPOSITIONS, code);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
