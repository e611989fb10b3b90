/** Whether a request can run at all; refused here, it costs nothing. */

import type { ErrorCode } from '../errors.ts';
import type { ModelSpec } from './model-spec.ts';
import type { RequestEstimate } from './request-size.ts';

/** The buckets a request is drawn from. Absent: not limited, or not known. Unit: tokens. */
export interface BucketLimits {
  readonly tokensPerMinute?: number;
  readonly inputTokensPerMinute?: number;
  readonly outputTokensPerMinute?: number;
}

/** Why no waiting and no retry would help, with the numbers. */
export interface FitRefusal {
  readonly code: Extract<
    ErrorCode,
    'context_length_exceeded' | 'invalid_request' | 'exceeds_rate_limit'
  >;
  /** What is wrong, by which numbers, and what to do. */
  readonly message: string;
  /** The field of the body to change. */
  readonly param: 'input' | 'max_tokens';
  readonly neededTokens: number;
  readonly limitTokens: number;
}

/** The refusal, or `null` for a request that fits. Unknown limits refuse nothing. */
export function fitCheck(
  spec: ModelSpec,
  estimate: RequestEstimate,
  limits: BucketLimits = {},
): FitRefusal | null {
  return checkModel(spec, estimate) ?? checkBuckets(spec.name, estimate, limits);
}

function checkModel(spec: ModelSpec, estimate: RequestEstimate): FitRefusal | null {
  const { name, contextWindow, maxInputTokens, maxOutputTokens } = spec;
  const input = estimate.windowTokens;
  const output =
    estimate.maxOutputTokens === null ? null : estimate.maxOutputTokens / estimate.choices;
  if (output !== null && maxOutputTokens !== undefined && output > maxOutputTokens) {
    return {
      code: 'invalid_request',
      message: `max output ${output} tokens > ${maxOutputTokens}, the most ${name} answers; ask for ${maxOutputTokens} or less`,
      param: 'max_tokens',
      neededTokens: output,
      limitTokens: maxOutputTokens,
    };
  }
  const inputLimit = maxInputTokens ?? contextWindow;
  if (inputLimit !== undefined && input > inputLimit) {
    return {
      code: 'context_length_exceeded',
      message: `input ${about(estimate, input)} tokens > ${inputLimit}, the most ${name} reads; shorten the input by ${input - inputLimit}`,
      param: 'input',
      neededTokens: input,
      limitTokens: inputLimit,
    };
  }
  if (contextWindow === undefined || output === null || input + output <= contextWindow)
    return null;
  return {
    code: 'context_length_exceeded',
    message: `input ${about(estimate, input)} + max output ${output} = ${input + output} tokens > ${contextWindow}, the context window of ${name}; shorten the input, or ask for ${contextWindow - input} output tokens or less`,
    param: 'max_tokens',
    neededTokens: input + output,
    limitTokens: contextWindow,
  };
}

function checkBuckets(
  model: string,
  estimate: RequestEstimate,
  limits: BucketLimits,
): FitRefusal | null {
  const input = estimate.inputTokens;
  // An answer without a bound is not charged ahead, so an assumption must not refuse it.
  const output = estimate.maxOutputTokens ?? 0;
  const draws: readonly (readonly [keyof BucketLimits, number, FitRefusal['param']])[] = [
    ['tokensPerMinute', input + output, input >= output ? 'input' : 'max_tokens'],
    ['inputTokensPerMinute', input, 'input'],
    ['outputTokensPerMinute', output, 'max_tokens'],
  ];
  for (const [name, needed, param] of draws) {
    const limit = limits[name];
    if (limit === undefined || needed <= limit) continue;
    return {
      code: 'exceeds_rate_limit',
      message: `needs ${about(estimate, needed)} tokens, but the ${name} bucket of ${model} holds only ${limit}, so no wait would help; make the request smaller or raise ${name}`,
      param,
      neededTokens: needed,
      limitTokens: limit,
    };
  }
  return null;
}

/** Says when a number is an estimate: a refusal must not claim more than is known. */
function about(estimate: RequestEstimate, tokens: number): string {
  return estimate.exact ? `${tokens}` : `about ${tokens}`;
}
