/** One call of one request, from its stored bytes to the content of its result line. */

import type { ResultLineContent } from '../../contracts/result-line.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import type { ProviderFailure, ProviderOutcome } from '../../domain/capacity/provider-outcome.ts';
import { costMicroUsd } from '../../domain/cost/pricing.ts';
import { NO_USAGE } from '../../domain/cost/usage.ts';
import { AppError } from '../../domain/errors.ts';
import type { CallPlan } from '../../domain/lanes/choose-lane.ts';
import type { Lane } from '../../domain/lanes/lane.ts';
import type { CompletionProvider } from '../../ports/completion-provider.ts';
import type { Work } from './work-queue.ts';

type Body = Readonly<Record<string, unknown>>;

/** Calls the provider once. A body that cannot be read is a failure like any other. */
export async function attempt(
  work: Work,
  settings: ModelSettings,
  provider: CompletionProvider,
  { lane, withinMs }: CallPlan,
  signal: AbortSignal,
): Promise<ProviderOutcome> {
  let body: Body;
  try {
    body = decodeBody(work.payload);
  } catch (error) {
    return refused('invalid_request', `The stored body cannot be read: ${messageOf(error)}`);
  }
  return provider.call(
    {
      requestId: work.request.id,
      endpoint: work.request.endpoint,
      model: settings.providerModel,
      body,
      lane,
      withinMs,
      markSharedPrefix: work.sharesPrefix,
    },
    signal,
  );
}

/**
 * The provider body in stored bytes: either the body itself, or the `body` of an OpenAI batch
 * line, so that an input file can serve as its own segment.
 */
export function decodeBody(payload: Uint8Array | null): Body {
  if (payload === null) throw new AppError('internal', 'The body was not loaded before its call');
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString();
  const parsed: unknown = JSON.parse(text);
  if (!isRecord(parsed)) throw new AppError('invalid_request', 'The body is not a JSON object');
  const inner = parsed['body'];
  return !('model' in parsed) && isRecord(inner) ? inner : parsed;
}

/** The result line of an outcome that ends the request. */
export function resultOf(
  work: Work,
  outcome: ProviderOutcome,
  settings: ModelSettings,
  lane: Lane,
  nowMs: number,
): ResultLineContent {
  const isAnswered = outcome.kind === 'answered';
  const usage = isAnswered ? outcome.usage : NO_USAGE;
  return {
    customId: work.request.customId,
    requestId: outcome.requestId,
    bodyJson: outcome.bodyJson,
    error: isAnswered ? null : { code: outcome.code, message: outcome.message },
    outcome: {
      id: work.request.id,
      tenant: work.request.tenant,
      status: isAnswered ? 'succeeded' : statusOf(outcome),
      statusCode: outcome.statusCode,
      errorCode: isAnswered ? null : outcome.code,
      lane,
      provider: settings.provider,
      usage,
      costMicroUsd: settings.price === null ? 0 : costMicroUsd(settings.price, usage, lane),
      attempts: work.attempts,
      firstAttemptAtMs: work.firstAttemptAtMs,
      finishedAtMs: nowMs,
    },
  };
}

/** A failure of ours, before any call. */
export function refused(code: ProviderFailure['code'], message: string): ProviderFailure {
  return {
    kind: 'failed',
    code,
    message,
    statusCode: 0,
    requestId: '',
    bodyJson: null,
    throttledBy: null,
    isAmbiguous: false,
    signals: { windows: {} },
  };
}

function statusOf(failure: ProviderFailure): 'failed' | 'cancelled' | 'expired' {
  if (failure.code === 'deadline_exceeded') return 'expired';
  return failure.code === 'cancelled' ? 'cancelled' : 'failed';
}

function isRecord(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
