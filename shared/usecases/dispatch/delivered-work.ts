/**
 * The ledger as one invocation sees it: first what its notices name, slice by slice as the engine
 * asks for more, then whatever else of the same models is due, such as work another invocation
 * handed back. What is not taken here stays in the ledger for others.
 *
 * An invocation that was woken for somebody who waits takes nothing else: it would be busy with
 * bulk work when the next one comes.
 */

import {
  type LeasedRequest,
  PRIORITIES,
  type RequestOutcome,
} from '../../domain/requests/request.ts';
import type { Clock } from '../../ports/clock.ts';
import type { SliceNotice } from '../../ports/request-queue.ts';
import type {
  Backlog,
  Deferral,
  LeaseQuery,
  LeaseRef,
  WorkStore,
} from '../../ports/request-store.ts';
import type { SliceWork } from '../../ports/slice-work.ts';

/** Slices taken at once: few enough to leave work to others, enough to spare round trips. */
const SLICES_PER_TAKE = 4;
/** A model whose index had nothing is not asked again sooner. Unit: ms. */
const INDEX_PAUSE_MS = 2_000;
/** What a slice not taken yet is assumed to hold, for estimates only. */
const REQUESTS_PER_SLICE = 100;

export interface DeliveredWorkDeps {
  readonly work: WorkStore;
  readonly slices: SliceWork;
  readonly clock: Clock;
  /** Instant until which requests of the model are not wanted; 0 when they are. Unit: ms since the epoch. */
  readonly heldUntilMs: (model: string) => number;
}

interface ModelWork {
  notices: SliceNotice[];
  /** Taken, and not asked for yet. */
  ready: LeasedRequest[];
  /** Takes other work of the model too. */
  mayHelp: boolean;
  indexEmptyAtMs: number;
}

const NO_WORK = { mayHelp: false, indexEmptyAtMs: 0 };

export class DeliveredWork implements WorkStore {
  private readonly deps: DeliveredWorkDeps;
  private readonly models = new Map<string, ModelWork>();
  /** Model of every request that passed through here, since a reference does not name it. */
  private readonly modelOf = new Map<string, string>();
  private isClosed = false;

  constructor(deps: DeliveredWorkDeps, notices: readonly SliceNotice[]) {
    this.deps = deps;
    for (const notice of inTurns(withoutDoubles(notices))) {
      const model = this.models.get(notice.model) ?? { ...NO_WORK, notices: [], ready: [] };
      this.models.set(notice.model, model);
      model.notices.push(notice);
      model.mayHelp ||= notice.priority > PRIORITIES.interactive;
    }
  }

  /** Models named by the notices. */
  names(): string[] {
    return [...this.models.keys()];
  }

  /** The model of a request that was granted here. */
  modelFor(tenant: string, id: string): string | undefined {
    return this.modelOf.get(keyOf(tenant, id));
  }

  /** Grants nothing from now on. */
  close(): void {
    this.isClosed = true;
  }

  async lease(query: LeaseQuery): Promise<LeasedRequest[]> {
    const model = this.models.get(query.model);
    if (model === undefined || !this.isOpen(query.model)) return [];
    while (model.ready.length < query.limit && model.notices.length > 0) {
      await this.take(model, query);
    }
    const granted = model.ready.splice(0, query.limit);
    if (granted.length > 0) return granted;
    if (!this.mayAskIndex(model)) return [];
    const others = await this.deps.work.lease(query);
    if (others.length === 0) model.indexEmptyAtMs = this.deps.clock.nowMs();
    this.remember(others);
    return others;
  }

  commit(outcomes: readonly RequestOutcome[]): Promise<boolean[]> {
    return this.deps.work.commit(outcomes);
  }

  /** Requests of a model that is held come back when the hold is reviewed, and no sooner. */
  async defer(requests: readonly Deferral[]): Promise<void> {
    await this.deps.work.defer(
      requests.map((request) => {
        const model = this.modelFor(request.tenant, request.id);
        const heldUntilMs = model === undefined ? 0 : this.deps.heldUntilMs(model);
        return { ...request, notBeforeMs: Math.max(request.notBeforeMs, heldUntilMs) };
      }),
    );
  }

  async extend(requests: readonly LeaseRef[], expiresAtMs: number): Promise<string[]> {
    return this.deps.work.extend([...requests, ...this.allReady()], expiresAtMs);
  }

  async backlog(): Promise<Backlog[]> {
    return [...this.models].flatMap(([name, model]): Backlog[] => {
      const expected = model.ready.length + model.notices.length * REQUESTS_PER_SLICE;
      if (!this.isOpen(name) || (expected === 0 && !this.mayAskIndex(model))) return [];
      const sum = (tokens: (request: LeasedRequest) => number): number =>
        model.ready.reduce((total, request) => total + tokens(request), 0);
      return [
        {
          model: name,
          route: 'sync',
          requests: expected,
          inputTokens: sum(({ inputTokens }) => inputTokens),
          maxOutputTokens: sum(({ maxOutputTokens }) => maxOutputTokens),
          nextDueAtMs: 0,
        },
      ];
    });
  }

  async withdrawn(refs: readonly LeaseRef[]): Promise<string[]> {
    const ids = await this.deps.work.withdrawn([...refs, ...this.allReady()]);
    const gone = new Set(ids);
    for (const model of this.models.values()) {
      model.ready = model.ready.filter(({ id }) => !gone.has(id));
    }
    return ids;
  }

  /**
   * Gives back what was taken and not asked for, and defers what belongs to held models even if
   * it was not taken yet, so that nobody is called for it before the hold is reviewed.
   */
  async handBack(owner: string, expiresAtMs: number): Promise<void> {
    const nowMs = this.deps.clock.nowMs();
    for (const [name, model] of this.models) {
      const isHeld = this.deps.heldUntilMs(name) > nowMs;
      while (isHeld && model.notices.length > 0) await this.take(model, { owner, expiresAtMs });
    }
    const works = this.allReady();
    for (const model of this.models.values()) model.ready = [];
    if (works.length === 0) return;
    await this.defer(works.map((request) => ({ ...request, notBeforeMs: nowMs })));
  }

  private async take(
    model: ModelWork,
    { owner, expiresAtMs }: Pick<LeaseQuery, 'owner' | 'expiresAtMs'>,
  ): Promise<void> {
    const notices = model.notices.splice(0, SLICES_PER_TAKE);
    const nowMs = this.deps.clock.nowMs();
    const leased = await this.deps.slices.take(notices, { owner, expiresAtMs, nowMs });
    this.remember(leased);
    model.ready.push(...leased);
  }

  private isOpen(model: string): boolean {
    return !this.isClosed && this.deps.heldUntilMs(model) <= this.deps.clock.nowMs();
  }

  private mayAskIndex({ mayHelp, indexEmptyAtMs }: ModelWork): boolean {
    return mayHelp && this.deps.clock.nowMs() - indexEmptyAtMs >= INDEX_PAUSE_MS;
  }

  private allReady(): LeasedRequest[] {
    return [...this.models.values()].flatMap(({ ready }) => ready);
  }

  private remember(requests: readonly LeasedRequest[]): void {
    for (const { tenant, id, model } of requests) this.modelOf.set(keyOf(tenant, id), model);
  }
}

function keyOf(tenant: string, id: string): string {
  return `${tenant}\n${id}`;
}

function withoutDoubles(notices: readonly SliceNotice[]): SliceNotice[] {
  return [
    ...new Map(notices.map((notice) => [keyOf(notice.tenant, notice.slice), notice])).values(),
  ];
}

/** By priority; among equals one slice of each tenant in turn, so that none waits for all of another's. */
function inTurns(notices: readonly SliceNotice[]): SliceNotice[] {
  const turnOf = new Map<string, number>();
  return notices
    .map((notice) => {
      const turn = turnOf.get(notice.tenant) ?? 0;
      turnOf.set(notice.tenant, turn + 1);
      return { notice, turn };
    })
    .sort((one, other) => one.notice.priority - other.notice.priority || one.turn - other.turn)
    .map(({ notice }) => notice);
}
