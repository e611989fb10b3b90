import { AppError } from '../../../domain/errors.ts';
import type { Random } from '../../../ports/random.ts';
import { headerKey } from '../table/keys.ts';
import type { OpIds } from '../table/op-ids.ts';
import {
  ACTIONS_PER_TRANSACTION,
  type Action,
  type Expression,
  type Table,
} from '../table/table.ts';
import { memberActions } from './batch-members.ts';
import { budgetActions } from './budget-actions.ts';
import { decodeHeader, isHeader, type SliceFacts } from './slice-header.ts';
import type { SliceMemory } from './slice-memory.ts';
import { readOutcome, type SliceReader } from './slice-reader.ts';
import { type Ended, usageActions } from './usage-rows.ts';

export interface BookingDeps {
  readonly table: Table;
  readonly reader: SliceReader;
  readonly memory: SliceMemory;
  readonly ops: OpIds;
  readonly random: Random;
}

/** What ends a slice: it leaves the index of open slices, and nothing changes it any more. */
export const END_SLICE = {
  set: '#st = :done, #op = :op, #v = #v + :one',
  remove: 'gsi1pk, gsi1sk',
} as const;

/**
 * Books slices whose requests have all ended: adds their usage, settles budgets, states what became
 * of their batches, and takes them out of the index, in one transaction, so that it happens once whoever
 * does it. Labels that do not fit one transaction are added in several, each counted in the header.
 */
export class Booking {
  readonly #deps: BookingDeps;

  constructor(deps: BookingDeps) {
    this.#deps = deps;
  }

  /**
   * Books the slice if all of it has ended; true when it did so now. A ledger that takes no
   * writes is no failure here: the outcomes stand, and the sweeper books what is left.
   */
  async bookEnded(facts: SliceFacts): Promise<boolean> {
    if (facts.count === 1) return false;
    const outcomes = await this.#deps.reader.outcomes(facts);
    if (outcomes.size < facts.count) return false;
    const [known] = await this.#deps.reader.known([facts]);
    if (known === undefined) return false;
    const ended = [...outcomes.values()].flatMap(({ index, text }): Ended[] => {
      const spec = known.specs.get(index);
      return spec === undefined ? [] : [{ spec, outcome: readOutcome(known, index, text) }];
    });
    try {
      return await this.#book(facts, ended);
    } catch (error) {
      if (error instanceof AppError && error.code === 'capacity_exhausted') return false;
      throw error;
    }
  }

  async #book(facts: SliceFacts, ended: readonly Ended[]): Promise<boolean> {
    const { table, ops, random, memory } = this.#deps;
    const key = headerKey(facts.tenant, facts.slice);
    const actions = [
      ...usageActions(ended, random.next()),
      ...budgetActions(ended),
      ...memberActions(facts, ended),
    ];
    const steps = inSteps(actions);
    for (let step = 0; ; ) {
      const isLast = step >= steps.length - 1;
      const op = ops.next();
      const reasons = await table.transact([
        {
          update: key,
          change: isLast ? endSlice(op) : countStep(op, step + 1),
          condition: step === 0 ? NOT_BEGUN : atStep(step),
        },
        ...(steps[step] ?? []),
      ]);
      const standing = reasons?.[0]?.item ?? null;
      if (reasons === null || standing?.['op'] === op) {
        step += 1;
        if (!isLast) continue;
        memory.forget(facts.tenant, facts.slice);
        return true;
      }
      if (!isHeader(standing)) return false;
      const { state, bookedSteps } = decodeHeader(standing);
      if (state !== 'open' || bookedSteps === step) return false;
      step = bookedSteps;
    }
  }
}

const NOT_BEGUN: Expression = {
  text: 'attribute_exists(pk) AND attribute_not_exists(#st) AND attribute_not_exists(#bs)',
};

function atStep(step: number): Expression {
  return { text: 'attribute_not_exists(#st) AND #bs = :step', values: { step } };
}

function countStep(op: string, next: number): Expression {
  return { text: 'SET #bs = :next, #op = :op, #v = #v + :one', values: { next, op, one: 1 } };
}

function endSlice(op: string): Expression {
  return {
    text: `SET ${END_SLICE.set} REMOVE ${END_SLICE.remove}`,
    values: { done: 'done', op, one: 1 },
  };
}

/** As many steps as transactions are needed, each with room for the header. */
function inSteps(actions: readonly Action[]): Action[][] {
  const steps: Action[][] = [];
  for (let start = 0; start < actions.length; start += ACTIONS_PER_TRANSACTION - 1) {
    steps.push(actions.slice(start, start + ACTIONS_PER_TRANSACTION - 1));
  }
  return steps.length === 0 ? [[]] : steps;
}
