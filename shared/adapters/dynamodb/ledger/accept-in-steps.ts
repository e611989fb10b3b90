import type { RequestSpec } from '../../../domain/requests/request.ts';
import { placedId } from '../../../domain/requests/slice-plan.ts';
import { openRuns, runAt } from '../../../domain/requests/slice-runs.ts';
import { encodeRuns } from '../../../domain/requests/slice-runs-codec.ts';
import { inParallel } from '../table/in-parallel.ts';
import { ACCEPTING_PARTITION, acceptingSort, headerKey } from '../table/keys.ts';
import type { OpIds } from '../table/op-ids.ts';
import type { Table } from '../table/table.ts';
import { OPEN_INDEX, TTL_ATTRIBUTE } from '../table/table-definition.ts';
import { sumUp } from './draft-slices.ts';
import {
  decodeHeader,
  isHeader,
  type SliceFacts,
  type SliceHeader,
  standingKeys,
} from './slice-header.ts';
import type { SliceReader } from './slice-reader.ts';
import type { SliceSpecs } from './spec-codec.ts';

const ALIASES_AT_ONCE = 48;
const SLICES_AT_ONCE = 4;

export interface AcceptInStepsDeps {
  readonly table: Table;
  readonly reader: SliceReader;
  readonly ops: OpIds;
}

/**
 * The second half of accepting what does not fit one transaction. The slices are written, in state
 * `accepting`; now they claim the ids of keyed requests, one alias each, and open with those they
 * got. Every step may be repeated, by the caller, by who sends the call again and by the sweeper:
 * an id once claimed stays claimed, so all of them open the slice with the same requests.
 */
export class AcceptInSteps {
  readonly #deps: AcceptInStepsDeps;

  constructor(deps: AcceptInStepsDeps) {
    this.#deps = deps;
  }

  /** Opens slices; returns the requests that are theirs. */
  async finish(slices: readonly SliceFacts[]): Promise<RequestSpec[]> {
    const known = await this.#deps.reader.specsOf(slices);
    const owned = await inParallel(slices, SLICES_AT_ONCE, async (facts, index) => {
      const drafted = known[index] ?? new Map();
      const specs = await this.#claim(facts, drafted);
      const absent = [...drafted.keys()].filter((place) => !specs.has(place));
      await this.#open({ ...facts, absent }, specs);
      return [...specs.values()];
    });
    return owned.flat();
  }

  /** Finishes what was begun and is due by now; returns how many slices that were. */
  async finishDue(nowMs: number): Promise<number> {
    const pages = this.#deps.table.query({
      index: OPEN_INDEX.name,
      partition: ACCEPTING_PARTITION,
      sort: { text: '#sort < :after', values: { after: acceptingSort(nowMs + 1) } },
    });
    let finished = 0;
    for await (const entries of pages) {
      const headers = await this.#deps.reader.headers(entries.map(({ pk }) => String(pk)));
      const begun = headers.filter(({ state }) => state === 'accepting');
      await this.finish(begun.map(({ facts }) => facts));
      finished += begun.length;
    }
    return finished;
  }

  /** Calls a slice off that holds no alias yet. */
  async callOff(facts: SliceFacts): Promise<void> {
    await this.#close(facts, 'SET #st = :void, #op = :op REMOVE gsi1pk, gsi1sk', { void: 'void' });
  }

  async #claim({ tenant, slice, ttl }: SliceFacts, specs: SliceSpecs): Promise<SliceSpecs> {
    const owned = new Map(specs);
    await inParallel([...specs], ALIASES_AT_ONCE, async ([index, { id }]) => {
      if (id === placedId({ id: slice, index })) return;
      const refusal = await this.#deps.table.put(
        { ...headerKey(tenant, id), sl: slice, ix: index, [TTL_ATTRIBUTE]: ttl },
        {
          text: 'attribute_not_exists(pk) OR #st = :void OR (#sl = :sl AND #ix = :ix)',
          values: { void: 'void', sl: slice, ix: index },
        },
      );
      if (refusal !== null) owned.delete(index);
    });
    return owned;
  }

  async #open(drafted: SliceFacts, specs: SliceSpecs): Promise<void> {
    if (specs.size === 0) return this.callOff(drafted);
    const header = await this.#deps.reader.header(drafted.tenant, drafted.slice);
    if (header === null) return;
    const { fingerprint: _, ...sums } = sumUp(specs.values());
    const facts = { ...drafted, ...sums };
    await this.#close(
      facts,
      `SET #runs = :runs, #n = :n, #g = :g, #ti = :ti, #to = :to, #ab = :ab, #op = :op,
        #v = #v + :one, gsi1pk = :gsi1pk, gsi1sk = :gsi1sk, gsi2pk = :gsi2pk, gsi2sk = :gsi2sk REMOVE #st`,
      {
        // In which queue each waits stands in the header since it was drafted.
        runs: encodeRuns(
          openRuns(specs.keys(), (index) => runAt(header.runs, index)?.route ?? 'sync'),
        ),
        n: sums.count,
        g: sums.groupOrder,
        ti: sums.inputTokens,
        to: sums.maxOutputTokens,
        ab: JSON.stringify(facts.absent),
        one: 1,
        ...standingKeys(facts),
      },
    );
  }

  /** Ends the state `accepting`, unless somebody else has ended it before. */
  async #close(
    { tenant, slice, acceptedBy }: SliceFacts,
    change: string,
    values: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    await this.#deps.table.update(
      headerKey(tenant, slice),
      { text: change, values: { ...values, op: this.#deps.ops.next() } },
      {
        text: '#st = :accepting AND #ac = :ac',
        values: { accepting: 'accepting', ac: acceptedBy },
      },
    );
  }
}

/** The header in the way of one to be accepted, where it is the same slice half accepted. */
export function sameHalfAccepted(
  standing: Parameters<typeof isHeader>[0],
  fingerprint: string,
): SliceHeader | null {
  if (!isHeader(standing)) return null;
  const header = decodeHeader(standing);
  return header.state === 'accepting' && header.facts.fingerprint === fingerprint ? header : null;
}
