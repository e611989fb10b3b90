import { createTiktokenCounter } from '../adapters/tiktoken/token-counter.ts';
import type { ModelSettings } from '../domain/capacity/model-limits.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { Endpoint } from '../domain/requests/request.ts';
import { type BucketLimits, fitCheck } from '../domain/sizes/fit-check.ts';
import type { RequestEstimate } from '../domain/sizes/request-size.ts';
import type { ModelCatalog } from '../ports/model-catalog.ts';
import { createRequestEstimator } from '../usecases/estimate-requests.ts';

/** How large a request is, or why it can never fit. */
export type RequestSize =
  | {
      readonly kind: 'fits';
      readonly inputTokens: number;
      /** The bound the body sets, else an assumption. */
      readonly maxOutputTokens: number;
      readonly hasOutputBound: boolean;
    }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

export type SizeRequest = (
  endpoint: Endpoint,
  model: ModelSettings,
  body: Readonly<Record<string, unknown>>,
) => Promise<RequestSize>;

/** What a quick estimate may be short by, as a factor. */
const DOUBT = 1.3;

/**
 * Sizes requests against the windows and buckets of their models.
 *
 * `quick` loads no vocabulary, which would cost half a second and 150 MB, until a limit is so
 * near that a count decides. `careful` counts what recurs, and estimates the rest by it.
 */
export function createSizeRequest(catalog: ModelCatalog, care: 'quick' | 'careful'): SizeRequest {
  const counter = createTiktokenCounter();
  const careful = createRequestEstimator({ counter, catalog, mode: 'auto' });
  const first =
    care === 'quick' ? createRequestEstimator({ counter, catalog, mode: 'fast' }) : careful;
  return async (endpoint, model, body) => {
    const { totalTokens } = model.limits.perMinute;
    const options = {
      model: model.name,
      ...(totalTokens === undefined ? {} : { largestBucketTokens: totalTokens }),
    };
    const spec = catalog.find(model.name);
    const limits = bucketLimits(model);
    let estimate = await first.estimate(endpoint, body, options);
    if (first !== careful && fitCheck(spec, inflated(estimate), limits) !== null) {
      estimate = await careful.estimate(endpoint, body, options);
    }
    const refusal = fitCheck(spec, estimate, limits);
    if (refusal !== null) return { kind: 'refused', code: refusal.code, message: refusal.message };
    return {
      kind: 'fits',
      inputTokens: estimate.inputTokens,
      maxOutputTokens: estimate.assumedOutputTokens,
      hasOutputBound: estimate.maxOutputTokens !== null,
    };
  };
}

function bucketLimits({ limits: { perMinute } }: ModelSettings): BucketLimits {
  const { totalTokens, inputTokens, outputTokens } = perMinute;
  return {
    ...(totalTokens === undefined ? {} : { tokensPerMinute: totalTokens }),
    ...(inputTokens === undefined ? {} : { inputTokensPerMinute: inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokensPerMinute: outputTokens }),
  };
}

function inflated(estimate: RequestEstimate): RequestEstimate {
  return {
    ...estimate,
    inputTokens: Math.ceil(estimate.inputTokens * DOUBT),
    windowTokens: Math.ceil(estimate.windowTokens * DOUBT),
  };
}
