/** From a submission to a request that may be stored, or to why not. */

import { ENDPOINTS_OF_DIALECT } from '../../contracts/dialect-endpoints.ts';
import { fieldError } from '../../contracts/problem.ts';
import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import { costBoundMicroUsd } from '../../domain/cost/pricing.ts';
import type { AppError } from '../../domain/errors.ts';
import { fingerprint } from '../../domain/requests/idempotency.ts';
import type { RequestSpec } from '../../domain/requests/request.ts';
import type { Clock } from '../../ports/clock.ts';
import { planRoute as leastRule } from '../native/plan-route.ts';
import type { Planner } from '../planning/planner.ts';
import type {
  Body,
  Caller,
  MeasureRequest,
  ModelDirectory,
  Submission,
  SubmitOptions,
} from './submission.ts';

/** A request judged and not yet named; `key` is the idempotency key of its own. */
export type Draft = Omit<RequestSpec, 'body' | 'id' | 'slice'> & {
  readonly key: string | null;
  readonly line: Uint8Array;
};

export interface DraftDeps {
  readonly models: ModelDirectory;
  readonly measure: MeasureRequest;
  /** Digest of the long opening a request may share with others; `null` when it has none. */
  readonly prefixKey: (model: string, body: Body) => string | null;
  readonly clock: Clock;
  /** @default the least rule there is */
  readonly planner?: Pick<Planner, 'route'>;
}

type Fitting = Extract<Awaited<ReturnType<MeasureRequest>>, { kind: 'fits' }>;

/** Leaves room for this many groups within one second of `groupOrder`. */
const GROUPS_PER_SECOND = 1_000_000;

/** What makes a request the same when its call is sent again. */
export function identityOf(draft: Draft): readonly unknown[] {
  const { key, customId, batchId, lane, priority, tags, createdAtMs, deadlineAtMs } = draft;
  const windowMs = deadlineAtMs === null ? null : deadlineAtMs - createdAtMs;
  return [key, customId, batchId, lane, priority, tags, windowMs, draft.fingerprint];
}

/** Judges submissions of one call, in order; those that share an opening become neighbours. */
export function createPreparer(
  { models, measure, prefixKey, clock, planner }: DraftDeps,
  { tenant, monthlyBudgetMicroUsd: limit }: Caller,
  { batchId = null, asOfMs }: SubmitOptions,
): (submission: Submission) => Promise<Draft | AppError> {
  const nowMs = asOfMs ?? clock.nowMs();
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
    const prefix = prefixKey(model.name, body);
    const index = (prefix === null ? undefined : firstOfPrefix.get(prefix)) ?? count;
    if (prefix !== null) firstOfPrefix.set(prefix, index);
    count += 1;
    const draft: Draft = {
      key: idempotencyKey,
      tenant,
      customId: submission.customId,
      batchId,
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
      ...(limit === null ? {} : { reservedMicroUsd: costBound(model, size) }),
    };
    const route = planner ? await planner.route(draft) : leastRule(draft, model, nowMs);
    return route === 'native' ? { ...draft, route } : draft;
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

/** Without a bound on the answer, the model's own counts. A model without a price is free. */
function costBound(
  { price, maxOutputTokens: modelMost }: ModelSettings,
  { inputTokens, maxOutputTokens, hasOutputBound = true }: Fitting,
): number {
  if (price === null) return 0;
  const most = hasOutputBound ? maxOutputTokens : Math.max(maxOutputTokens, modelMost ?? 0);
  return costBoundMicroUsd(price, { inputTokens, maxOutputTokens: most });
}

/** Fields that ask for an answer which cannot be stored as one. */
const ASYNCHRONOUS_FIELDS = [
  ['stream', 'answers come whole, so leave stream out'],
  ['background', 'every request runs in the background already, so leave it out'],
] as const;
