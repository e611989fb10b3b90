/** Whether a completion window can be met by the rates a model is allowed. */

import type { BatchProgress } from './batch.ts';
import type { ModelSettings } from './model-limits.ts';

const MINUTE_MS = 60_000;

/** Least time in which a provider's own batch may be expected to end. Unit: ms. */
const NATIVE_REACH_MS = 3_600_000;

/**
 * The time live calls take at full rate, where that is longer than the window and no batch of the
 * provider's own may be expected in it; else `null`. Rough: tokens are guessed from bytes. Unit: ms.
 */
export function overlongMs(
  { limits: { perMinute }, lanes }: Pick<ModelSettings, 'limits' | 'lanes'>,
  { requests, tokens }: BatchProgress['load'][string],
  windowMs: number,
): number | null {
  if (lanes.includes('native') && windowMs >= NATIVE_REACH_MS) return null;
  const byRequests = perMinute.requests === undefined ? 0 : requests / perMinute.requests;
  const tokenRate = perMinute.totalTokens ?? perMinute.inputTokens;
  const byTokens = tokenRate === undefined ? 0 : tokens / tokenRate;
  // A full bucket is there to begin with: a minute's worth.
  const neededMs = Math.max(0, Math.max(byRequests, byTokens) - 1) * MINUTE_MS;
  return neededMs > windowMs ? neededMs : null;
}
