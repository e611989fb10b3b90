/** Which requests that wait for a batch cost less by calls, for the sake of an opening they share. */

import { decidePriming } from '../../domain/caching/cache-priming.ts';
import { isCheaperLive, sharedShare } from '../../domain/caching/cheaper-live.ts';
import { openingOf } from '../../domain/caching/shared-opening.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import { ratesFor } from '../../domain/cost/pricing.ts';
import type { NativeBatchLimits } from '../../domain/native/native-batch.ts';
import type { LeasedRequest } from '../../domain/requests/request.ts';
import { decodeBody } from '../dispatch/attempt.ts';
import type { NativeDeps } from './native-deps.ts';
import { sampled, sharingGroups } from './opening-groups.ts';
import { sumOf } from './sum-of-requests.ts';

/** A group of fewer saves little, and is hardly warmed for. */
const LEAST_ROWS = 16;
/** Calls have to fit this share of the time that is left, at the limits. */
const TIME_SHARE = 0.5;

/** None of those that asked for the lane. */
export async function findCheaperCalls<Of extends LeasedRequest>(
  { payloads, clock, callsMs, telemetry }: NativeDeps,
  settings: ModelSettings,
  { cacheOf }: NativeBatchLimits,
  rows: readonly Of[],
): Promise<ReadonlySet<Of>> {
  const cheaper = new Set<Of>();
  const { price, name, providerModel } = settings;
  if (price === null) return cheaper;
  const free = rows.filter(({ lane }) => lane === null);
  for (const group of sharingGroups(free, LEAST_ROWS)) {
    const [first] = group;
    if (first === undefined) continue;
    const bodies = (await payloads.read(sampled(group).map(({ body }) => body))).map(decodeBody);
    const isMarked = first.endpoint === '/v1/messages';
    const share = isMarked ? (openingOf(bodies)?.share ?? 0) : sharedShare(bodies);
    const opening = { rows: group.length, tokens: Math.floor(share * first.inputTokens) };
    const sums = sumOf(group);
    const rates = {
      live: ratesFor(price, 'live', first.inputTokens),
      native: ratesFor(price, 'native', first.inputTokens),
    };
    const priming =
      cacheOf === undefined || !isMarked
        ? null
        : decidePriming(opening, rates.native, cacheOf(providerModel));
    const primed = priming?.kind === 'prime' ? priming.primedMicroUsd : null;
    const { inputTokens, maxOutputTokens: outputTokens } = sums;
    if (!isCheaperLive({ ...opening, inputTokens, outputTokens }, rates, primed)) continue;
    const leftMs = sums.deadlineAtMs - clock.nowMs();
    if ((await callsMs(name, sums)) > TIME_SHARE * leftMs) continue;
    for (const row of group) cheaper.add(row);
    telemetry.log('info', 'Calls that share an opening are cheaper than a batch', {
      model: name,
      requests: group.length,
    });
  }
  return cheaper;
}
