import { AppError } from '../../../domain/errors.ts';
import type { RequestSpec } from '../../../domain/requests/request.ts';
import { openRuns } from '../../../domain/requests/slice-runs.ts';
import type { AcceptOutcome } from '../../../ports/request-store.ts';
import { inParallel } from '../table/in-parallel.ts';
import {
  ACTIONS_PER_TRANSACTION,
  type Action,
  type Expression,
  type Table,
} from '../table/table.ts';
import { type AcceptInSteps, sameHalfAccepted } from './accept-in-steps.ts';
import { memberItems } from './batch-members.ts';
import { draftSlices } from './draft-slices.ts';
import type { DraftWriter, NewSlice } from './draft-writer.ts';
import type { OpenSlices } from './open-slices.ts';
import { encodeHeader, type SliceHeader } from './slice-header.ts';
import type { Views } from './views.ts';

export interface AcceptDeps {
  readonly table: Table;
  readonly drafts: DraftWriter;
  readonly open: OpenSlices;
  readonly views: Views;
  readonly steps: AcceptInSteps;
}

const WRITES_AT_ONCE = 32;

/** A place is free where nothing is, or what is there was called off. */
const FREE_PLACE: Expression = {
  text: 'attribute_not_exists(pk) OR #st = :void',
  values: { void: 'void' },
};

/** Records requests, each at most once. */
export class Accepting {
  readonly #deps: AcceptDeps;

  constructor(deps: AcceptDeps) {
    this.#deps = deps;
  }

  /**
   * Slices of a call stand all together or not at all; requests without a place, each by itself.
   *
   * @throws {AppError} `capacity_exhausted` when the table takes no more. Nothing stands then; only
   * where ids were being claimed already (keyed requests) the sweeper accepts the call after all.
   */
  async accept(requests: readonly RequestSpec[]): Promise<AcceptOutcome[]> {
    const drafts = draftSlices(requests);
    await this.#deps.open.announce(drafts);
    const slices = await this.#deps.drafts.write(drafts);
    await inParallel(
      slices.flatMap(({ draft, facts }) => memberItems(facts, draft.specs.values())),
      WRITES_AT_ONCE,
      (item) => this.#deps.table.put(item, { text: 'attribute_not_exists(pk)' }),
    );
    const singles = slices.filter(({ draft }) => draft.isSingle);
    const placed = slices.filter(({ draft }) => !draft.isSingle);
    const fitsOne = placed.length <= ACTIONS_PER_TRANSACTION;
    const isKeyed = placed.some(({ draft }) => draft.isKeyed);
    const created = [
      ...(await inParallel(singles, WRITES_AT_ONCE, (slice) => this.#putOne(slice))).flat(),
      ...(fitsOne && !isKeyed
        ? (await this.#putTogether(placed, 'open', [])).flatMap(specsOf)
        : await this.#acceptInSteps(placed)),
    ];
    return this.#outcomes(requests, new Set(created.map(nameOf)));
  }

  async #putOne(slice: NewSlice): Promise<RequestSpec[]> {
    const refusal = await this.#deps.table.put(headerItem(slice, 'open'), FREE_PLACE);
    const isOurs = refusal === null || refusal.item?.['ac'] === slice.facts.acceptedBy;
    return isOurs ? specsOf(slice) : [];
  }

  async #acceptInSteps(slices: readonly NewSlice[]): Promise<RequestSpec[]> {
    const halfAccepted: SliceHeader[] = [];
    const written: NewSlice[] = [];
    try {
      for (let start = 0; start < slices.length; start += ACTIONS_PER_TRANSACTION) {
        const group = slices.slice(start, start + ACTIONS_PER_TRANSACTION);
        written.push(...(await this.#putTogether(group, 'accepting', halfAccepted)));
      }
    } catch (error) {
      await Promise.allSettled(written.map((slice) => this.#deps.steps.callOff(slice.facts)));
      throw error;
    }
    const created = await this.#deps.steps.finish(written.map(({ facts }) => facts));
    // Of a call that died half way and was sent again: its requests are that call's, not new.
    await this.#deps.steps.finish(halfAccepted.map(({ facts }) => facts));
    return created;
  }

  /**
   * Writes the slices that are new, in one transaction, and returns them; those whose place is
   * taken are left out, and listed where it is by the same slice half accepted.
   */
  async #putTogether(
    slices: readonly NewSlice[],
    state: 'open' | 'accepting',
    halfAccepted: SliceHeader[],
  ): Promise<readonly NewSlice[]> {
    let left = slices;
    while (left.length > 0) {
      const reasons = await this.#deps.table.transact(
        left.map((slice): Action => ({ put: headerItem(slice, state), condition: FREE_PLACE })),
      );
      if (reasons === null) return left;
      const standing = left.map((_, index) => reasons[index]?.item ?? null);
      if (left.some(({ facts }, index) => standing[index]?.['ac'] === facts.acceptedBy))
        return left;
      left.forEach(({ facts }, index) => {
        const header = sameHalfAccepted(standing[index] ?? null, facts.fingerprint);
        if (header !== null) halfAccepted.push(header);
      });
      const free = left.filter((_, index) => reasons[index]?.isRefused !== true);
      if (free.length === left.length) {
        throw new AppError('internal', 'A transaction was refused and none of its writes was');
      }
      left = free;
    }
    return left;
  }

  /** What became of each: created now, or what stands in its place. */
  async #outcomes(
    requests: readonly RequestSpec[],
    created: Set<string>,
  ): Promise<AcceptOutcome[]> {
    // An id that comes twice is created by the first of them.
    const isCreated = requests.map((spec) => created.delete(nameOf(spec)));
    const others = requests.filter((_, index) => isCreated[index] !== true);
    const standing = (await this.#deps.views.find(others)).values();
    return requests.map(({ id, fingerprint }, index): AcceptOutcome => {
      if (isCreated[index] === true) return { kind: 'created', id };
      const view = standing.next().value ?? null;
      return view?.fingerprint === fingerprint
        ? { kind: 'replayed', id, status: view.status }
        : { kind: 'conflict', id };
    });
  }
}

function headerItem({ draft, facts }: NewSlice, state: 'open' | 'accepting') {
  return encodeHeader(
    facts,
    openRuns(draft.specs.keys(), (index) => draft.specs.get(index)?.route ?? 'sync'),
    state,
  );
}

function specsOf({ draft }: NewSlice): RequestSpec[] {
  return [...draft.specs.values()];
}

function nameOf({ tenant, id }: RequestSpec): string {
  return `${tenant}\n${id}`;
}
