import { encodeResultLine, type ResultLineContent } from '../contracts/result-line.ts';
import { NO_USAGE } from '../domain/cost/usage.ts';
import { AppError } from '../domain/errors.ts';
import type { RequestOutcome, RequestView } from '../domain/requests/request.ts';
import { isTerminal } from '../domain/requests/request-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { ResultLog } from '../ports/payload-store.ts';
import type { RequestStore, WorkStore } from '../ports/request-store.ts';
import type { PublishedResult } from './dispatch-progress.ts';
import { unknownRequest } from './get-request.ts';
import type { ModelDirectory } from './submit-requests.ts';

/**
 * Ends a request that has not ended yet. A call already on its way is still made, and its answer
 * dropped.
 *
 * @throws {AppError} `not_found`; `not_cancellable` when the request has ended, however it did.
 */
export type CancelRequest = (tenant: string, id: string) => Promise<void>;

export interface CancelRequestDeps {
  readonly requests: RequestStore;
  readonly work: WorkStore;
  readonly results: ResultLog;
  readonly models: ModelDirectory;
  readonly clock: Clock;
  /** Called once the cancellation stands: the worker may drop the request, and who waits may go on. */
  readonly onCancelled: (result: PublishedResult) => void | Promise<void>;
}

export function createCancelRequest(deps: CancelRequestDeps): CancelRequest {
  const { requests, work, results, models, clock, onCancelled } = deps;
  return async (tenant, id) => {
    const view = await requests.get(tenant, id);
    if (view === null) throw unknownRequest(id);
    if (isTerminal(view.status)) throw alreadyEnded(view);
    const content = cancelledContent(view, models.get(view.model)?.provider ?? '', clock.nowMs());
    const line = Buffer.from(encodeResultLine(content));
    const outcome: RequestOutcome = {
      ...content.outcome,
      result: await results.append(tenant, line),
    };
    const [isPublished] = await work.commit([outcome]);
    if (isPublished !== true) throw alreadyEnded((await requests.get(tenant, id)) ?? view);
    await onCancelled({ outcome, customId: view.customId, line });
  };
}

/** The result of a request that ends without an answer: by its caller, or by its deadline. */
export function cancelledContent(
  view: RequestView,
  provider: string,
  nowMs: number,
  status: 'cancelled' | 'expired' = 'cancelled',
): ResultLineContent {
  const code = status === 'cancelled' ? 'cancelled' : 'deadline_exceeded';
  const message =
    status === 'cancelled'
      ? 'Cancelled by the caller before it was answered'
      : 'The completion window ended before it was answered';
  return {
    customId: view.customId,
    requestId: '',
    bodyJson: null,
    error: { code, message },
    outcome: {
      id: view.id,
      tenant: view.tenant,
      status,
      statusCode: 0,
      errorCode: code,
      lane: view.lane ?? 'live',
      provider,
      usage: NO_USAGE,
      costMicroUsd: 0,
      attempts: view.attempts,
      firstAttemptAtMs: null,
      finishedAtMs: nowMs,
    },
  };
}

function alreadyEnded({ id, status }: RequestView): AppError {
  return new AppError('not_cancellable', `${id} has ended already: it is ${status}`, {
    details: { status },
  });
}
