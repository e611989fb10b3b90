/** A request as JSON: an allow-list of fields, with the provider's answer spliced in untouched. */

import type { RequestSummary } from '../../shared/contracts/api.ts';
import { ERROR_PRESENTATIONS } from '../../shared/contracts/problem.ts';
import type { StoredAnswer } from '../../shared/contracts/stored-answer.ts';
import { promptTokens } from '../../shared/domain/cost/usage.ts';
import type { LaneDecision } from '../../shared/domain/lanes/plan-lane.ts';
import type { RequestOutcome } from '../../shared/domain/requests/request.ts';
import type { FoundRequest } from '../../shared/usecases/get-request.ts';
import type { ListedRequest } from '../../shared/usecases/list-requests.ts';

/** The request with its answer. The answer's own spelling is kept, so this is text, not an object. */
export function renderRequest({ view, answer, plan }: FoundRequest): string {
  const { error, ...rest } = summarise({ view, plan });
  const fields = JSON.stringify({ ...rest, error: answer?.error ?? error });
  return `${fields.slice(0, -1)},"result":${renderResult(answer)}}`;
}

function renderResult(answer: StoredAnswer | null): string {
  if (answer === null || answer.bodyJson === null) return 'null';
  const { statusCode, providerRequestId, bodyJson } = answer;
  return `{"status_code":${statusCode},"request_id":${JSON.stringify(providerRequestId)},"body":${bodyJson}}`;
}

/** The request without its answer, as lists show it. */
export function summarise({ view, plan }: ListedRequest): RequestSummary {
  const { outcome } = view;
  return {
    object: 'request',
    id: view.id,
    status: view.status,
    model: view.model,
    endpoint: view.endpoint,
    custom_id: view.customId,
    batch_id: view.batchId,
    lane: outcome?.lane ?? view.lane,
    priority: view.priority,
    tags: [...view.tags],
    attempts: view.attempts,
    plan: plan === null ? null : summarisePlan(plan),
    created_at_ms: view.createdAtMs,
    deadline_at_ms: view.deadlineAtMs,
    finished_at_ms: outcome?.finishedAtMs ?? null,
    usage: outcome === null ? null : summariseUsage(outcome),
    cost_micro_usd: outcome?.costMicroUsd ?? null,
    error: outcome?.errorCode == null ? null : describeCode(outcome.errorCode),
  };
}

function summarisePlan(plan: LaneDecision): RequestSummary['plan'] {
  return {
    lane: plan.lane,
    expected_finish_at_ms: plan.expectedFinishAtMs,
    escalate_at_ms: plan.escalateAtMs,
    meets_deadline: plan.meetsDeadline,
    why: plan.why,
  };
}

function summariseUsage({ usage }: RequestOutcome): RequestSummary['usage'] {
  return {
    input_tokens: promptTokens(usage),
    cached_input_tokens: usage.cachedInputTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    cache_write_1h_tokens: usage.cacheWrite1hTokens,
    output_tokens: usage.outputTokens,
  };
}

/** The exact words are in the answer; a list says what kind of failure it was. */
function describeCode(code: string): { code: string; message: string } {
  const known = Object.entries(ERROR_PRESENTATIONS).find(([name]) => name === code);
  return { code, message: known?.[1].title ?? code };
}
