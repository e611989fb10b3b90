import type { ErrorCode } from '../../shared/domain/errors.ts';
import { type BucketLimits, fitCheck } from '../../shared/domain/fit-check.ts';
import type { ModelSettings } from '../../shared/domain/model-limits.ts';
import type { Endpoint } from '../../shared/domain/request.ts';
import type { ModelCatalog } from '../../shared/ports/model-catalog.ts';
import type { RequestEstimator } from '../../shared/usecases/estimate-requests.ts';

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

/** Sizes requests against the windows and buckets of their models. */
export function createSizeRequest(estimator: RequestEstimator, catalog: ModelCatalog): SizeRequest {
  return async (endpoint, model, body) => {
    const { totalTokens, inputTokens, outputTokens } = model.limits.perMinute;
    const estimate = await estimator.estimate(endpoint, body, {
      model: model.name,
      ...(totalTokens === undefined ? {} : { largestBucketTokens: totalTokens }),
    });
    const limits: BucketLimits = {
      ...(totalTokens === undefined ? {} : { tokensPerMinute: totalTokens }),
      ...(inputTokens === undefined ? {} : { inputTokensPerMinute: inputTokens }),
      ...(outputTokens === undefined ? {} : { outputTokensPerMinute: outputTokens }),
    };
    const refusal = fitCheck(catalog.find(model.name), estimate, limits);
    if (refusal !== null) return { kind: 'refused', code: refusal.code, message: refusal.message };
    return {
      kind: 'fits',
      inputTokens: estimate.inputTokens,
      maxOutputTokens: estimate.assumedOutputTokens,
      hasOutputBound: estimate.maxOutputTokens !== null,
    };
  };
}
