/** What a call of a batch API that did not succeed comes to. */

import type { ErrorCode } from '../../../domain/errors.ts';
import type { NativeBatchFault } from '../../../domain/native/native-batch.ts';
import type { NativeBatchFailure } from '../../../ports/native-batch-provider.ts';
import { describeBare } from '../bare-error.ts';
import { classifyError } from '../error-classification.ts';
import { type ErrorFacts, readErrorFacts } from '../error-facts.ts';
import { parseJson } from '../json.ts';
import { readRetryAfterMs } from '../rate-signals.ts';
import type { Redactor } from '../redaction.ts';
import type { Received } from '../transport.ts';
import type { NotReceived } from '../transport-failure.ts';
import type { WireHeaders } from '../wire-headers.ts';

export interface CallContext {
  /** As the provider knows it; `''` where the call is about none. */
  readonly model: string;
  /** True when the call changes something at the provider. */
  readonly isWrite: boolean;
  /** True when the address names a batch or file, so that a 404 is about that. */
  readonly isAboutOne: boolean;
  readonly redactor: Redactor;
  readonly nowMs: number;
}

/** An answer that is an error, or no whole answer. */
export function failureOf(ended: Received | NotReceived, context: CallContext): NativeBatchFailure {
  const { statusCode, headers } = ended;
  if (ended.kind === 'received') {
    return refusal(statusCode, headers, parseJson(ended.text), ended.text, context);
  }
  const { cause, detail, wasSent } = ended;
  // The head of an error says enough, even when its body never came.
  if (cause !== 'aborted' && statusCode >= 300) {
    return refusal(statusCode, headers, undefined, detail, context);
  }
  const isAmbiguous = context.isWrite && wasSent;
  switch (cause) {
    case 'unreachable':
      return failure(
        'provider_unreachable',
        `Could not connect, or send it whole: ${detail}`,
        context,
      );
    case 'lost':
      return { ...failure('provider_error', detail, context), isAmbiguous };
    case 'timed_out':
    case 'aborted':
      return { ...failure('provider_timeout', detail, context), isAmbiguous };
    case 'broken':
      return { ...failure('provider_malformed', detail, context), isAmbiguous };
  }
}

/** A failure in our own words. */
export function failure(
  code: ErrorCode,
  message: string,
  { redactor }: Pick<CallContext, 'redactor'>,
): NativeBatchFailure {
  return {
    kind: 'failed',
    code,
    message: redactor.message(message),
    isAmbiguous: false,
    retryAfterMs: null,
    faults: [],
  };
}

function refusal(
  statusCode: number,
  headers: WireHeaders,
  body: unknown,
  text: string,
  context: CallContext,
): NativeBatchFailure {
  const { model, isWrite, nowMs } = context;
  const found = classifyError({ statusCode, body, lane: 'native', model });
  const facts = readErrorFacts(body);
  const told = failure(
    codeOf(statusCode, facts, found.code, context),
    found.message ?? describeBare(statusCode, text),
    context,
  );
  return {
    ...told,
    // Behind such an answer the work may have been done, or be under way.
    isAmbiguous: isWrite && (statusCode >= 500 || statusCode === 408 || statusCode === 409),
    retryAfterMs: readRetryAfterMs(headers, nowMs) ?? found.retryAfterMs,
    faults: faultsNamed(facts, told.message),
  };
}

/** Azure looks at a file for a while before it takes it for a batch, and keeps a number of them. */
const NOT_YET_ROOM = ['quotaexceeded', 'storage_quota_exceeded'];
const NOT_YET_ROOM_MESSAGE = /\bin '?(?:pending|running|uploaded)'? state\b|\bstorage quota\b/i;

function codeOf(
  statusCode: number,
  { codes, message }: ErrorFacts,
  usual: ErrorCode,
  { isAboutOne }: CallContext,
): ErrorCode {
  if (statusCode === 404 || statusCode === 410) {
    if (codes.has('model_not_found') || codes.has('deploymentnotfound')) return usual;
    return isAboutOne ? 'not_found' : 'unsupported_endpoint';
  }
  const isFull =
    NOT_YET_ROOM.some((code) => codes.has(code)) || NOT_YET_ROOM_MESSAGE.test(message ?? '');
  return statusCode === 400 && isFull ? 'capacity_exhausted' : usual;
}

/** Anthropic begins its words with the row at fault: `requests.3.params: ...`, from 0. */
function faultsNamed({ codes, message }: ErrorFacts, told: string): NativeBatchFault[] {
  const [, row] = /^requests\.(\d{1,9})\b/.exec(message ?? '') ?? [];
  if (row === undefined) return [];
  const [code = ''] = codes;
  return [{ code, message: told, line: Number(row) + 1 }];
}
