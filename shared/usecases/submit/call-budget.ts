/** What one call holds of its tenant's budget. */

import { AppError } from '../../domain/errors.ts';
import type { RequestSpec } from '../../domain/requests/request.ts';
import type { AcceptOutcome, RequestStore } from '../../ports/request-store.ts';
import type { ReserveBudget } from '../reserve-budget.ts';

type Named = Pick<RequestSpec, 'id' | 'tenant' | 'createdAtMs' | 'reservedMicroUsd'>;

/** A reservation for the requests of a call. */
export interface CallBudget {
  /** Gives back what was reserved for requests that turned out not to be new. */
  settle(outcomes: readonly AcceptOutcome[]): Promise<void>;
  /** Gives back all of it: nothing was accepted. */
  release(): Promise<void>;
}

const NO_BUDGET: CallBudget = { settle: async () => {}, release: async () => {} };

/** Requests looked up together. */
const LOOKS_AT_ONCE = 64;

export interface ReserveOptions {
  /** Unit: micro-dollars. */
  readonly limitMicroUsd: number;
  /** Which requests may have been accepted before: `whole` is from the first one on. */
  readonly mayBeKnown: 'none' | 'whole' | 'each';
}

/**
 * Reserves for all requests of a call; where that is too much, for those that are not known
 * already: what was accepted before has its reservation, and must be found again whatever is left.
 *
 * @throws {AppError} `budget_exceeded`
 */
export async function reserveForCall(
  reserveBudget: ReserveBudget,
  requests: RequestStore,
  named: readonly Named[],
  { limitMicroUsd, mayBeKnown }: ReserveOptions,
): Promise<CallBudget> {
  const [first] = named;
  if (first === undefined) return NO_BUDGET;
  const reserveFor = async (isCovered: (request: Named) => boolean): Promise<CallBudget> => {
    const { tenant, createdAtMs: atMs } = first;
    const askedMicroUsd = sumOf(named, isCovered);
    const held = await reserveBudget({ tenant, atMs, askedMicroUsd, limitMicroUsd });
    return {
      settle: (outcomes) => {
        const isSpare = (request: Named, index: number): boolean =>
          isCovered(request) && outcomes[index]?.kind !== 'created';
        return held.release(sumOf(named, isSpare));
      },
      release: () => held.release(askedMicroUsd),
    };
  };
  try {
    return await reserveFor(() => true);
  } catch (error) {
    if (mayBeKnown === 'none' || !(error instanceof AppError)) throw error;
    // One look tells a call that is new from one that came before.
    if (mayBeKnown === 'whole' && (await findKnown(requests, [first])).size === 0) throw error;
    const known = await findKnown(requests, named);
    if (known.size === 0) throw error;
    return reserveFor(({ id }) => !known.has(id));
  }
}

function sumOf(
  named: readonly Named[],
  isWanted: (request: Named, index: number) => boolean,
): number {
  return named.reduce(
    (sum, request, index) =>
      isWanted(request, index) ? sum + (request.reservedMicroUsd ?? 0) : sum,
    0,
  );
}

async function findKnown(requests: RequestStore, named: readonly Named[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (let start = 0; start < named.length; start += LOOKS_AT_ONCE) {
    const found = await Promise.all(
      named.slice(start, start + LOOKS_AT_ONCE).map(({ tenant, id }) => requests.get(tenant, id)),
    );
    for (const view of found) if (view !== null) known.add(view.id);
  }
  return known;
}
