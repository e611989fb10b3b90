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
    const place = { tenant: batch.tenant, filename: `${batch.id}_results.jsonl`, bytes: 0 };
    return bounded(addresses, place, `${batch.id}-results`, rendered);
  };
}
