import type { BatchRecord } from '../../domain/batches/batch.ts';
import { bounded, type OpenContentDeps, type OpenedContent } from '../files/open-content.ts';
import { renderMessageResults } from './render-message-results.ts';

/** The results of a message batch that has ended. */
export type OpenResults = (batch: BatchRecord) => Promise<OpenedContent>;

export function createOpenResults(deps: OpenContentDeps): OpenResults {
  const { addresses } = deps;
  return async (batch) => {
    const rendered = renderMessageResults(deps, batch);
    if (addresses === null) return { kind: 'here', content: rendered };
    // Nobody knows their size: a look whether they were stored costs less than rendering them twice.
    const bytes = Number.POSITIVE_INFINITY;
    const place = { tenant: batch.tenant, filename: `${batch.id}_results.jsonl`, bytes };
    return bounded(addresses, place, resultsBlobOf(batch.id), rendered);
  };
}

/** Where a home that hands large content on elsewhere keeps the results of a batch as one blob. */
export function resultsBlobOf(batchId: string): string {
  return `${batchId}-results`;
}
