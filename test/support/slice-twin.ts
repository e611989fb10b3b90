import type { LeasedRequest } from '../../shared/domain/requests/request.ts';
import type { SliceNotice } from '../../shared/ports/request-queue.ts';
import type { LeaseQuery, WorkStore } from '../../shared/ports/request-store.ts';
import type { SliceWork } from '../../shared/ports/slice-work.ts';

/**
 * Slices over a ledger that knows none, such as SQLite: the part of an id before its last dot
 * names the slice. Leases everything of a model and hands back what was not asked for.
 */
export class SliceTwin implements SliceWork {
  repaired = 0;
  readonly idleSlices: SliceNotice[] = [];
  private readonly work: WorkStore;

  constructor(work: WorkStore) {
    this.work = work;
  }

  async take(
    notices: readonly SliceNotice[],
    terms: Omit<LeaseQuery, 'model' | 'limit'>,
  ): Promise<LeasedRequest[]> {
    const taken: LeasedRequest[] = [];
    for (const model of new Set(notices.map((notice) => notice.model))) {
      const leased = await this.work.lease({ ...terms, model, limit: 100_000 });
      const isWanted = ({ id, tenant }: LeasedRequest): boolean =>
        notices.some((notice) => notice.slice === sliceOf(id) && notice.tenant === tenant);
      taken.push(...leased.filter(isWanted));
      const others = leased.filter((request) => !isWanted(request));
      await this.work.defer(others.map((request) => ({ ...request, notBeforeMs: terms.nowMs })));
    }
    return taken;
  }

  async *idle(): AsyncGenerator<SliceNotice> {
    yield* this.idleSlices;
  }

  async repair(): Promise<number> {
    return this.repaired;
  }
}

export function sliceOf(id: string): string {
  return id.slice(0, id.lastIndexOf('.'));
}
