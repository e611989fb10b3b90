import type { LeasedRequest, RequestOutcome } from '../../../domain/requests/request.ts';
import type { SliceNotice } from '../../../ports/request-queue.ts';
import type {
  Backlog,
  Deferral,
  LeaseQuery,
  LeaseRef,
  WorkStore,
} from '../../../ports/request-store.ts';
import type { SliceWork } from '../../../ports/slice-work.ts';
import type { AcceptInSteps } from './accept-in-steps.ts';
import type { Commits } from './commit.ts';
import type { HandBack } from './hand-back.ts';
import type { Leasing } from './lease.ts';
import type { Survey } from './survey.ts';

export interface DynamoWorkStoreDeps {
  readonly leasing: Leasing;
  readonly commits: Commits;
  readonly handBack: HandBack;
  readonly survey: Survey;
  readonly steps: AcceptInSteps;
}

/** The ledger as workers use it: by model as anywhere, or by the slices a notice names. */
export class DynamoWorkStore implements WorkStore, SliceWork {
  readonly #deps: DynamoWorkStoreDeps;

  constructor(deps: DynamoWorkStoreDeps) {
    this.#deps = deps;
  }

  lease(query: LeaseQuery): Promise<LeasedRequest[]> {
    return this.#deps.leasing.lease(query);
  }

  take(
    notices: readonly SliceNotice[],
    terms: Omit<LeaseQuery, 'model' | 'limit'>,
  ): Promise<LeasedRequest[]> {
    return this.#deps.leasing.take(notices, terms);
  }

  commit(outcomes: readonly RequestOutcome[]): Promise<boolean[]> {
    return this.#deps.commits.commit(outcomes);
  }

  defer(requests: readonly Deferral[]): Promise<void> {
    return this.#deps.handBack.defer(requests);
  }

  extend(requests: readonly LeaseRef[], expiresAtMs: number): Promise<string[]> {
    return this.#deps.handBack.extend(requests, expiresAtMs);
  }

  withdrawn(refs: readonly LeaseRef[]): Promise<string[]> {
    return this.#deps.handBack.withdrawn(refs);
  }

  backlog(): Promise<Backlog[]> {
    return this.#deps.survey.backlog();
  }

  idle(nowMs: number, idleMs: number): AsyncIterable<SliceNotice> {
    return this.#deps.survey.idle(nowMs, idleMs);
  }

  async repair(nowMs: number): Promise<number> {
    const finished = await this.#deps.steps.finishDue(nowMs);
    return finished + (await this.#deps.survey.bookLeftOvers(nowMs));
  }
}
