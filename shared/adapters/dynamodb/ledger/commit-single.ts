import type { Random } from '../../../ports/random.ts';
import { inParallel } from '../table/in-parallel.ts';
import { headerKey } from '../table/keys.ts';
import type { OpIds } from '../table/op-ids.ts';
import { ACTIONS_PER_TRANSACTION, type Action, type Table } from '../table/table.ts';
import { memberActions } from './batch-members.ts';
import { END_SLICE } from './booking.ts';
import { budgetActions } from './budget-actions.ts';
import { encodeOutcome } from './outcome-codec.ts';
import type { SliceFacts } from './slice-header.ts';
import { type Ended, usageActions } from './usage-rows.ts';

/** The outcome of the only request of a slice. */
export interface SingleOutcome extends Ended {
  readonly facts: SliceFacts;
}

/** Most published together. Fewer share a usage row's write less, more meet others more often. */
const SINGLES_PER_TRANSACTION = 25;
const TRANSACTIONS_AT_ONCE = 8;

/**
 * Publishes outcomes of slices of one: the outcome goes into the header and is booked in the same
 * transaction. Returns which were published, index-aligned.
 */
export async function commitSingles(
  { table, ops, random }: { readonly table: Table; readonly ops: OpIds; readonly random: Random },
  singles: readonly SingleOutcome[],
): Promise<boolean[]> {
  const groups = inGroups(singles);
  const flags = await inParallel(groups, TRANSACTIONS_AT_ONCE, commitGroup);
  return flags.flat();

  async function commitGroup(group: readonly SingleOutcome[]): Promise<boolean[]> {
    const refused = new Set<SingleOutcome>();
    for (;;) {
      const open = group.filter((single) => !refused.has(single));
      if (open.length === 0) return group.map(() => false);
      const op = ops.next();
      const reasons = await table.transact([
        ...open.map((single) => publish(single, op)),
        ...usageActions(open, random.next()),
        ...budgetActions(open),
        ...open.flatMap((single) => memberActions(single.facts, [single])),
      ]);
      // All or nothing: one that carries our name says that all of them took effect before.
      const isOurs = reasons?.some(({ item }) => item?.['op'] === op) === true;
      if (reasons === null || isOurs) return group.map((single) => !refused.has(single));
      open.forEach((single, index) => {
        if (reasons[index]?.isRefused === true) refused.add(single);
      });
    }
  }
}

function publish({ facts, outcome }: SingleOutcome, op: string): Action {
  return {
    update: headerKey(facts.tenant, facts.slice),
    change: {
      text: `SET #out = :out, ${END_SLICE.set} REMOVE ${END_SLICE.remove}`,
      values: { out: encodeOutcome(outcome), done: 'done', op, one: 1 },
    },
    condition: { text: 'attribute_exists(pk) AND attribute_not_exists(#st)' },
  };
}

/** Each adds a header, at most a usage row, a month's budget and a batch member. */
function inGroups(singles: readonly SingleOutcome[]): SingleOutcome[][] {
  const most = Math.min(SINGLES_PER_TRANSACTION, Math.floor(ACTIONS_PER_TRANSACTION / 4));
  const groups: SingleOutcome[][] = [];
  for (let start = 0; start < singles.length; start += most) {
    groups.push(singles.slice(start, start + most));
  }
  return groups;
}
