/** From what a caller submits to requests that are stored, each once. */

import type { Dialect } from '../contracts/config-schema.ts';
import { ENDPOINTS_OF_DIALECT } from '../contracts/dialect-endpoints.ts';
import { fieldError } from '../contracts/problem.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import { fingerprint, RANDOM_ID_PREFIX, requestIdFor } from '../domain/idempotency.ts';
import type { Lane } from '../domain/lane.ts';
import type { ModelSettings } from '../domain/model-limits.ts';
import type { Endpoint, RequestSpec } from '../domain/request.ts';
import { placedId, planSlices } from '../domain/slice-plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { Random } from '../ports/random.ts';
import type { AcceptOutcome, RequestStore } from '../ports/request-store.ts';
import { CallBudget, type Caller } from './check-budget.ts';

type Body = Readonly<Record<string, unknown>>;

/** One request as its caller wants it run. */
export interface Submission {
  /** The same key with the same request is accepted once; `null` accepts it anew each time. */
  readonly idempotencyKey: string | null;
  readonly customId: string | null;
  readonly model: string;
  readonly endpoint: Endpoint;
  /** The provider's request body; its `model`, where present, is the same. */
  readonly body: Body;
  /** How long the caller is willing to wait; `null` for as long as it takes. Unit: ms. */
  readonly completionWindowMs: number | null;
  readonly lane: Lane | null;
  readonly priority: number;
  readonly tags: readonly string[];
}

/** What became of one submission. */
export type SubmitOutcome =
  /** Stored now, or (`isReplay`) accepted before under the same key. */
  | { readonly kind: 'accepted'; readonly id: string; readonly isReplay: boolean }
  | { readonly kind: 'refused'; readonly error: AppError };

/**
 * Stores submissions, each by itself: a bad one fails alone. Index-aligned; durable on return. With
 * a `callKey` the whole call may be sent again: the same submissions then name the same requests.
 */
export type SubmitRequests = (
  caller: Caller,
  submissions: readonly Submission[],
  callKey?: string | null,
) => Promise<SubmitOutcome[]>;

/** The models requests may name. */
export interface ModelDirectory {
  get(name: string): ModelSettings | undefined;
  values(): Iterable<ModelSettings>;
  /** The wire format a model's provider speaks. */
  dialectOf(model: ModelSettings): Dialect | undefined;
  /** Why a model cannot be used, and what would make it usable. */
  explainUnknown(name: string): string;
}

/** How large a request is, or why it can never fit. */
export type MeasureRequest = (
  endpoint: Endpoint,
  model: ModelSettings,
  body: Body,
) => Promise<
  | { readonly kind: 'fits'; readonly inputTokens: number; readonly maxOutputTokens: number }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
>;

export interface SubmitRequestsDeps {
  readonly requests: RequestStore;
  readonly payloads: PayloadStore;
  readonly models: ModelDirectory;
  readonly measure: MeasureRequest;
  /** Digest of the long opening a request may share with others; `null` when it has none. */
  readonly prefixKey: (model: string, body: Body) => string | null;
  readonly clock: Clock;
  readonly random: Random;
  /** Tells workers of what is new. Must not throw: what is stored will be found anyway. */
  readonly wake: (created: readonly RequestSpec[]) => void | Promise<void>;
}

/** Requests judged before other work gets its turn. */
const TURN = 256;

/** Leaves room for this many groups within one second of `groupOrder`. */
const GROUPS_PER_SECOND = 1_000_000;

/** A request judged and not yet named; `key` is the idempotency key of its own. */
type Draft = Omit<RequestSpec, 'body' | 'id' | 'slice'> & {
  readonly key: string | null;
  readonly line: Uint8Array;
};

export function createSubmitRequests(deps: SubmitRequestsDeps): SubmitRequests {
  const { requests, payloads, clock, random, wake } = deps;
  return async (caller, submissions, callKey = null) => {
    const { tenant } = caller;
    const prepare = createPreparer(deps, caller);
    const prepared: (Draft | AppError)[] = [];
    for (const submission of submissions) {
      if (prepared.length % TURN === TURN - 1) await clock.sleep(1);
      prepared.push(await prepare(submission));
    }
    const drafts = prepared.filter((draft): draft is Draft => !(draft instanceof AppError));
    const accepted = await store(tenant, drafts, callKey);
    const inOrder = accepted.values();
    return prepared.map((draft) =>
      draft instanceof AppError ? { kind: 'refused', error: draft } : nextOutcome(inOrder),
    );
  };

  async function store(
    tenant: string,
    drafts: readonly Draft[],
    callKey: string | null,
  ): Promise<AcceptOutcome[]> {
    if (drafts.length === 0) return [];
    // Bodies first: a request that is known must be runnable, whatever dies in between.
    const pointers = await payloads.append(
      tenant,
      drafts.map(({ line }) => line),
    );
    const names = nameAll(tenant, drafts, callKey);
    const specs = drafts.map(({ line: _, key: _key, ...spec }, index): RequestSpec => {
      const body = pointers[index];
      const name = names[index];
      if (body === undefined || name === undefined) {
        throw new AppError('internal', 'A stored body has no pointer');
      }
      return { ...spec, ...name, body };
    });
    const outcomes = await requests.accept(specs);
    const created = specs.filter((_, index) => outcomes[index]?.kind === 'created');
    const waking = created.length > 0 ? wake(created) : undefined;
    if (waking instanceof Promise) await waking;
    return outcomes;
  }

  /** Names requests of one call: by their own keys, else by the call's, else anew. */
  function nameAll(
    tenant: string,
    drafts: readonly Draft[],
    callKey: string | null,
  ): Pick<RequestSpec, 'id' | 'slice'>[] {
    const idFor = (key: string | null): string =>
      key === null ? random.id(RANDOM_ID_PREFIX) : requestIdFor(tenant, key);
    const [only] = drafts;
    if (drafts.length === 1 && only !== undefined) return [{ id: idFor(only.key ?? callKey) }];
    const places = planSlices(idFor(callKey), drafts);
    return places.map((slice, index) => {
      const key = drafts[index]?.key ?? null;
      return { id: key === null ? placedId(slice) : requestIdFor(tenant, key), slice };
    });
  }
}

/** Judges submissions of one call, in order; those that share an opening become neighbours. */
function createPreparer(
  { requests, models, measure, prefixKey, clock }: SubmitRequestsDeps,
  caller: Caller,
): (submission: Submission) => Promise<Draft | AppError> {
  const nowMs = clock.nowMs();
  const budget = new CallBudget(requests, clock, caller);
  const firstOfPrefix = new Map<string, number>();
  let count = 0;
  return async (submission) => {
    const { idempotencyKey, endpoint, completionWindowMs } = submission;
    const model = models.get(submission.model);
    const refusal = model === undefined ? unknownModel(submission) : unsuitable(submission, model);
    if (model === undefined || refusal !== null) return refusal ?? unknownModel(submission);
    const body = { ...submission.body, model: model.name };
    const size = await measure(endpoint, model, body);
    if (size.kind === 'refused') return fieldError(size.code, '/body', size.message);
    const overspent = await budget.take(model, size);
    if (overspent !== null) return overspent;
    const prefix = prefixKey(model.name, body);
    const index = (prefix === null ? undefined : firstOfPrefix.get(prefix)) ?? count;
    if (prefix !== null) firstOfPrefix.set(prefix, index);
    count += 1;
    return {
      key: idempotencyKey,
      tenant: caller.tenant,
      customId: submission.customId,
      batchId: null,
      model: model.name,
      endpoint,
      lane: submission.lane,
      priority: submission.priority,
      tags: submission.tags,
      fingerprint: fingerprint(endpoint, body),
      line: Buffer.from(JSON.stringify(body)),
      inputTokens: size.inputTokens,
      maxOutputTokens: size.maxOutputTokens,
      prefixKey: prefix,
      groupOrder: Math.floor(nowMs / 1_000) * GROUPS_PER_SECOND + index,
      createdAtMs: nowMs,
      deadlineAtMs: completionWindowMs === null ? null : nowMs + completionWindowMs,
    };
  };

  function unknownModel({ model }: Submission): AppError {
    return fieldError('unknown_model', '/body/model', models.explainUnknown(model));
  }

  function unsuitable({ endpoint, body, lane }: Submission, model: ModelSettings): AppError | null {
    const dialect = models.dialectOf(model);
    const endpoints = dialect === undefined ? [] : ENDPOINTS_OF_DIALECT[dialect];
    if (!endpoints.includes(endpoint)) {
      const message = `${model.name} is served by ${model.provider}, which has ${endpoints.join(', ')} and not ${endpoint}`;
      return fieldError('unsupported_endpoint', '/endpoint', message);
    }
    if (lane !== null && !model.lanes.includes(lane)) {
      const message = `${model.name} has no ${lane} lane; use ${model.lanes.join(' or ')}, or leave it out`;
      return fieldError('invalid_request', '/lane', message);
    }
    for (const [field, advice] of ASYNCHRONOUS_FIELDS) {
      if (body[field] === true) {
        return fieldError('invalid_request', `/body/${field}`, `true is not possible; ${advice}`);
      }
    }
    return null;
  }
}

/** Fields that ask for an answer which cannot be stored as one. */
const ASYNCHRONOUS_FIELDS = [
  ['stream', 'answers come whole, so leave stream out'],
  ['background', 'every request runs in the background already, so leave it out'],
] as const;

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
