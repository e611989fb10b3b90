/** From what a caller submits to requests that are stored, each once. */

import { AppError } from '../domain/errors.ts';
import {
  callFingerprint,
  callIdFor,
  RANDOM_ID_PREFIX,
  requestIdFor,
} from '../domain/requests/idempotency.ts';
import type { RequestSpec } from '../domain/requests/request.ts';
import { placedId, planSlices } from '../domain/requests/slice-plan.ts';
import type { BudgetStore } from '../ports/budget-store.ts';
import type { CallStore } from '../ports/call-store.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { Random } from '../ports/random.ts';
import type { AcceptOutcome, RequestStore } from '../ports/request-store.ts';
import { createReserveBudget } from './reserve-budget.ts';
import { type CallBudget, reserveForCall } from './submit/call-budget.ts';
import { createPreparer, type Draft, type DraftDeps, identityOf } from './submit/draft.ts';
import type { Caller, Submission, SubmitOptions } from './submit/submission.ts';

export type { MeasureRequest, ModelDirectory, Submission } from './submit/submission.ts';

/** What became of one submission. */
export type SubmitOutcome =
  /** Stored now, or (`isReplay`) accepted before under the same key. */
  | { readonly kind: 'accepted'; readonly id: string; readonly isReplay: boolean }
  | { readonly kind: 'refused'; readonly error: AppError };

/**
 * Stores submissions, each by itself: a bad one fails alone. Index-aligned; durable on return.
 *
 * @throws {AppError} for the call as a whole, of which nothing is stored then: `budget_exceeded`;
 * `idempotency_conflict` when the call's key belongs to another call.
 */
export type SubmitRequests = (
  caller: Caller,
  submissions: readonly Submission[],
  options?: SubmitOptions,
) => Promise<SubmitOutcome[]>;

export interface SubmitRequestsDeps extends DraftDeps {
  readonly requests: RequestStore;
  readonly payloads: PayloadStore;
  readonly budgets: BudgetStore;
  readonly calls: CallStore;
  readonly random: Random;
  /** Tells workers of what is new. Must not throw: what is stored will be found anyway. */
  readonly wake: (created: readonly RequestSpec[]) => void | Promise<void>;
}

type Named = Draft & Pick<RequestSpec, 'id' | 'slice'>;

/** Requests judged before other work gets its turn. */
const TURN = 256;

export function createSubmitRequests(deps: SubmitRequestsDeps): SubmitRequests {
  const { requests, payloads, calls, clock, random, wake } = deps;
  const reserveBudget = createReserveBudget(deps.budgets, random);
  return async (caller, submissions, options = {}) => {
    const prepare = createPreparer(deps, caller, options);
    const prepared: (Draft | AppError)[] = [];
    for (const submission of submissions) {
      if (prepared.length % TURN === TURN - 1) await clock.sleep(1);
      prepared.push(await prepare(submission));
    }
    const drafts = prepared.filter((draft): draft is Draft => !(draft instanceof AppError));
    const accepted = await store(caller, drafts, options);
    const inOrder = accepted.values();
    return prepared.map((draft) =>
      draft instanceof AppError ? { kind: 'refused', error: draft } : nextOutcome(inOrder),
    );
  };

  async function store(
    { tenant, monthlyBudgetMicroUsd: limit }: Caller,
    drafts: readonly Draft[],
    { callKey = null }: SubmitOptions,
  ): Promise<AcceptOutcome[]> {
    if (drafts.length === 0) return [];
    if (callKey !== null) await claimCall(tenant, callKey, drafts);
    const named = nameAll(tenant, drafts, callKey);
    const hasOwnKeys = drafts.some(({ key }) => key !== null);
    const mayBeKnown = hasOwnKeys ? 'each' : callKey === null ? 'none' : 'whole';
    const budget =
      limit === null
        ? null
        : await reserveForCall(reserveBudget, requests, named, {
            limitMicroUsd: limit,
            mayBeKnown,
          });
    const specs = await withBodies(tenant, named, budget);
    const outcomes = await accept(specs, budget, hasOwnKeys);
    const created = specs.filter((_, index) => outcomes[index]?.kind === 'created');
    const waking = created.length > 0 ? wake(created) : undefined;
    if (waking instanceof Promise) await waking;
    return outcomes;
  }

  async function claimCall(
    tenant: string,
    callKey: string,
    drafts: readonly Draft[],
  ): Promise<void> {
    const asked = callFingerprint(drafts.map(identityOf));
    if (await calls.claim(tenant, callIdFor(tenant, callKey), asked)) return;
    const message =
      'The idempotency key belongs to another call: other requests, other options, or models that were configured differently. Use a new key for a new call';
    throw new AppError('idempotency_conflict', message);
  }

  /** Bodies first: a request that is known must be runnable, whatever dies in between. */
  async function withBodies(
    tenant: string,
    named: readonly Named[],
    budget: CallBudget | null,
  ): Promise<RequestSpec[]> {
    const lines = named.map(({ line }) => line);
    const pointers = await payloads.append(tenant, lines).catch(async (error: unknown) => {
      await budget?.release();
      throw error;
    });
    return named.map(({ line: _, key: _key, ...spec }, index): RequestSpec => {
      const body = pointers[index];
      if (body === undefined) throw new AppError('internal', 'A stored body has no pointer');
      return { ...spec, body };
    });
  }

  async function accept(
    specs: readonly RequestSpec[],
    budget: CallBudget | null,
    hasOwnKeys: boolean,
  ): Promise<AcceptOutcome[]> {
    const outcomes = await requests.accept(specs).catch(async (error: unknown) => {
      // Only then is it sure that nothing is going to be accepted; else the reservation must stand.
      const isRefusal = error instanceof AppError && error.code === 'capacity_exhausted';
      const isUntouched = isRefusal && !hasOwnKeys;
      if (isUntouched) await budget?.release();
      throw error;
    });
    await budget?.settle(outcomes);
    return outcomes;
  }

  /** Names requests of one call: by their own keys, else by the call's, else anew. */
  function nameAll(tenant: string, drafts: readonly Draft[], callKey: string | null): Named[] {
    const base = callKey === null ? random.id(RANDOM_ID_PREFIX) : callIdFor(tenant, callKey);
    const [only] = drafts;
    if (drafts.length === 1 && only !== undefined) {
      return [{ ...only, id: only.key === null ? base : requestIdFor(tenant, only.key) }];
    }
    const places = planSlices(base, drafts);
    return drafts.map((draft, index) => {
      const slice = places[index];
      if (slice === undefined) throw new AppError('internal', 'A request has no place');
      const id = draft.key === null ? placedId(slice) : requestIdFor(tenant, draft.key);
      return { ...draft, id, slice };
    });
  }
}

function nextOutcome(outcomes: Iterator<AcceptOutcome>): SubmitOutcome {
  const { value } = outcomes.next();
  if (value === undefined)
    throw new AppError('internal', 'The store answered for too few requests');
  const outcome: AcceptOutcome = value;
  if (outcome.kind !== 'conflict') {
    return { kind: 'accepted', id: outcome.id, isReplay: outcome.kind === 'replayed' };
  }
  const message = `The idempotency key belongs to ${outcome.id}, which asks for something else. Use a new key for a new request`;
  return { kind: 'refused', error: new AppError('idempotency_conflict', message) };
}
