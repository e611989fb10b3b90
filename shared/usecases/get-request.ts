import { readStoredAnswer, type StoredAnswer } from '../contracts/stored-answer.ts';
import { AppError } from '../domain/errors.ts';
import type { LaneDecision } from '../domain/lanes/plan-lane.ts';
import type { RequestView } from '../domain/requests/request.ts';
import { isTerminal } from '../domain/requests/request-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { CompletionSignal } from '../ports/completion-signal.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { RequestStore } from '../ports/request-store.ts';
import type { Planner } from './planning/planner.ts';

export interface FoundRequest {
  readonly view: RequestView;
  /** `null` until the request has ended. */
  readonly answer: StoredAnswer | null;
  /** What is planned for it; `null` once it has ended. */
  readonly plan: LaneDecision | null;
}

/**
 * Reads a request, and its answer once it has one, waiting up to `waitMs` for that. An abort ends
 * the wait, not the request.
 *
 * @throws {AppError} `not_found` when the tenant has no such request.
 */
export type GetRequest = (
  tenant: string,
  id: string,
  wait?: { readonly waitMs: number; readonly signal: AbortSignal },
) => Promise<FoundRequest>;

export interface GetRequestDeps {
  readonly requests: RequestStore;
  readonly payloads: PayloadStore;
  readonly completions: CompletionSignal;
  readonly clock: Clock;
  /** Left out where nothing is planned. */
  readonly planner?: Pick<Planner, 'explain'>;
}

export function createGetRequest(deps: GetRequestDeps): GetRequest {
  const { requests, payloads, completions, clock, planner } = deps;
  return async (tenant, id, wait) => {
    const current = await find(tenant, id);
    const view =
      wait === undefined || isTerminal(current.status)
        ? current
        : await whenEnded(tenant, id, clock.nowMs() + wait.waitMs, wait.signal);
    const [answer, plan] = await Promise.all([
      view.outcome === null ? null : readAnswer(view),
      planner?.explain(view) ?? null,
    ]);
    return { view, answer, plan };
  };

  async function find(tenant: string, id: string): Promise<RequestView> {
    const view = await requests.get(tenant, id);
    if (view !== null) return view;
    throw unknownRequest(id);
  }

  async function whenEnded(
    tenant: string,
    id: string,
    untilMs: number,
    signal: AbortSignal,
  ): Promise<RequestView> {
    for (;;) {
      const remainingMs = untilMs - clock.nowMs();
      const isOver = new AbortController();
      const ended = completions.wait(
        tenant,
        id,
        Math.max(0, remainingMs),
        AbortSignal.any([signal, isOver.signal]),
      );
      // Read after the wait began: an end in between is seen by one or the other.
      const view = await find(tenant, id);
      if (isTerminal(view.status) || remainingMs <= 0 || signal.aborted) {
        isOver.abort();
        return view;
      }
      await ended;
    }
  }

  async function readAnswer({ id, outcome }: RequestView): Promise<StoredAnswer | null> {
    if (outcome === null) return null;
    const [bytes] = await payloads.read([outcome.result]);
    const answer = bytes === undefined ? null : readStoredAnswer(new TextDecoder().decode(bytes));
    if (answer !== null) return answer;
    throw new AppError('internal', `The stored result of ${id} cannot be read`);
  }
}

/** The same words for an id of another tenant and one that never was. */
export function unknownRequest(id: string): AppError {
  const shown = JSON.stringify(id.slice(0, 80));
  return new AppError('not_found', `No request has the id ${shown}. Check the id and the API key`);
}
