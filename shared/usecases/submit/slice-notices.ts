import type { RequestSpec } from '../../domain/requests/request.ts';
import type { SliceNotice } from '../../ports/request-queue.ts';

/** One notice for each slice that waits for calls; a tick finds by itself what waits for batches. */
export function sliceNotices(created: readonly RequestSpec[]): SliceNotice[] {
  const notices = new Map<string, SliceNotice>();
  for (const { tenant, id, slice, model, priority, route = 'sync' } of created) {
    if (route !== 'sync') continue;
    const name = slice?.id ?? id;
    if (!notices.has(name)) notices.set(name, { tenant, slice: name, model, priority });
  }
  return [...notices.values()];
}
