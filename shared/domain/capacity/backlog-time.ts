/** How long a model's limits make its queue take. */

import { DIMENSIONS, type Dimension } from './provider-outcome.ts';

/** What waits. */
export interface QueuedWork {
  readonly requests: number;
  /** Unit: tokens. */
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
}

export interface BindingLimit {
  readonly dimension: Dimension;
  readonly perMinute: number;
  /** Time the work takes under it. Unit: ms. */
  readonly durationMs: number;
}

const MINUTE_MS = 60_000;

/** The limit under which the work takes longest; `null` when none is known. */
export function bindingLimit(
  work: QueuedWork,
  perMinute: Partial<Record<Dimension, number>>,
): BindingLimit | null {
  const needed: Record<Dimension, number> = {
    requests: work.requests,
    inputTokens: work.inputTokens,
    outputTokens: work.maxOutputTokens,
    totalTokens: work.inputTokens + work.maxOutputTokens,
  };
  let binding: BindingLimit | null = null;
  for (const dimension of DIMENSIONS) {
    const limit = perMinute[dimension];
    if (limit === undefined) continue;
    const durationMs = Math.round((needed[dimension] / limit) * MINUTE_MS);
    if (durationMs > (binding?.durationMs ?? -1)) {
      binding = { dimension, perMinute: limit, durationMs };
    }
  }
  return binding;
}
