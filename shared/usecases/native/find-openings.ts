/** Which openings rows of a job share that are worth a row run ahead of the others. */

import { decidePriming } from '../../domain/caching/cache-priming.ts';
import { openingOf, type SharedOpening } from '../../domain/caching/shared-opening.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import { ratesFor } from '../../domain/cost/pricing.ts';
import type { NativeBatchLimits } from '../../domain/native/native-batch.ts';
import type { LeasedRequest } from '../../domain/requests/request.ts';
import type { PayloadStore } from '../../ports/payload-store.ts';
import { decodeBody } from '../dispatch/attempt.ts';
import { sampled, sharingGroups } from './opening-groups.ts';

type Row = Pick<LeasedRequest, 'body' | 'endpoint' | 'inputTokens' | 'prefixKey'>;

export interface FoundOpenings<Of> {
  readonly openings: readonly SharedOpening[];
  /** One row of each opening. */
  readonly ahead: ReadonlySet<Of>;
}

/** `null` where nothing is shared that pays. Rows that are not among the samples are marked only if they begin the same. */
export async function findOpenings<Of extends Row>(
  payloads: PayloadStore,
  { price, providerModel }: Pick<ModelSettings, 'price' | 'providerModel'>,
  { cacheOf }: NativeBatchLimits,
  rows: readonly Of[],
): Promise<FoundOpenings<Of> | null> {
  if (cacheOf === undefined || price === null) return null;
  const rules = cacheOf(providerModel);
  const groups = sharingGroups(
    rows.filter(({ endpoint }) => endpoint === '/v1/messages'),
    2,
  );
  const openings: SharedOpening[] = [];
  const ahead = new Set<Of>();
  for (const group of groups) {
    const samples = sampled(group);
    const [first] = samples;
    const bodies = await payloads.read(samples.map(({ body }) => body));
    const found = openingOf(bodies.map(decodeBody));
    if (found === null || first === undefined) continue;
    const { share, ...opening } = found;
    const tokens = Math.floor(share * first.inputTokens);
    const rates = ratesFor(price, 'native', first.inputTokens);
    if (decidePriming({ rows: group.length, tokens }, rates, rules).kind === 'plain') continue;
    openings.push(opening);
    ahead.add(first);
  }
  return openings.length === 0 ? null : { openings, ahead };
}
