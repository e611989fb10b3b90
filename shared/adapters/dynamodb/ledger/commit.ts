import type { RequestOutcome } from '../../../domain/requests/request.ts';
import { touch } from '../../../domain/requests/slice-runs.ts';
import type { Random } from '../../../ports/random.ts';
import { inParallel } from '../table/in-parallel.ts';
import { outcomeSort, slicePartition } from '../table/keys.ts';
import type { OpIds } from '../table/op-ids.ts';
import type { Table } from '../table/table.ts';
import { TTL_ATTRIBUTE } from '../table/table-definition.ts';
import type { Booking } from './booking.ts';
import { commitSingles, type SingleOutcome } from './commit-single.ts';
import { encodeOutcome } from './outcome-codec.ts';
import type { SliceFacts } from './slice-header.ts';
import type { SliceMemory } from './slice-memory.ts';
import type { Located, SliceReader } from './slice-reader.ts';
import type { SliceWriter } from './slice-writer.ts';

/** Puts in flight for one call; a put takes some 5 ms, so that is well over 2,000 a second. */
const PUTS_AT_ONCE = 64;
const SLICES_AT_ONCE = 16;

export interface CommitDeps {
  readonly table: Table;
  readonly reader: SliceReader;
  readonly writer: SliceWriter;
  readonly memory: SliceMemory;
  readonly booking: Booking;
  readonly ops: OpIds;
  readonly random: Random;
}

const NONE: ReadonlySet<number> = new Set();

interface Candidate extends Located {
  readonly outcome: RequestOutcome;
  /** Where the outcome stands in the call. */
  readonly at: number;
}

/** Publishes outcomes: one conditional put each, and the first one stands. */
export class Commits {
  readonly #deps: CommitDeps;

  constructor(deps: CommitDeps) {
    this.#deps = deps;
  }

  async commit(outcomes: readonly RequestOutcome[]): Promise<boolean[]> {
    const flags = outcomes.map(() => false);
    const candidates = await this.#candidates(outcomes);
    const singles = candidates.filter(({ facts }) => facts.count === 1);
    const others = candidates.filter(({ facts }) => facts.count > 1);
    await this.#commitSingles(singles, flags);
    await this.#commitOthers(others, flags);
    return flags;
  }

  /** Those of accepted requests; of several for one request, the first. */
  async #candidates(outcomes: readonly RequestOutcome[]): Promise<Candidate[]> {
    const located = await this.#deps.reader.locate(outcomes);
    const seen = new Set<string>();
    return outcomes.flatMap((outcome, at): Candidate[] => {
      const place = located[at];
      const name = `${outcome.tenant}\n${outcome.id}`;
      if (!place || seen.has(name)) return [];
      seen.add(name);
      return [{ ...place, outcome, at }];
    });
  }

  async #commitSingles(singles: readonly Candidate[], flags: boolean[]): Promise<void> {
    const published = await commitSingles(this.#deps, singles satisfies readonly SingleOutcome[]);
    singles.forEach(({ at, facts }, index) => {
      flags[at] = published[index] === true;
      this.#deps.memory.forget(facts.tenant, facts.slice);
    });
  }

  async #commitOthers(candidates: readonly Candidate[], flags: boolean[]): Promise<void> {
    const slices = new Map<string, { readonly facts: SliceFacts; readonly indices: number[] }>();
    for (const { facts, index } of candidates) {
      const name = slicePartition(facts.tenant, facts.slice);
      const slice = slices.get(name) ?? { facts, indices: [] };
      slices.set(name, slice);
      slice.indices.push(index);
    }
    const touched = [...slices.values()];
    const ended = new Map<string, ReadonlySet<number>>();
    await inParallel(touched, SLICES_AT_ONCE, async ({ facts, indices }) => {
      ended.set(slicePartition(facts.tenant, facts.slice), await this.#touch(facts, indices));
    });
    const isEnded = (facts: SliceFacts, index: number): boolean =>
      ended.get(slicePartition(facts.tenant, facts.slice))?.has(index) === true;
    const open = candidates.filter(({ facts, index }) => !isEnded(facts, index));
    await inParallel(open, PUTS_AT_ONCE, async (candidate) => {
      flags[candidate.at] = await this.#publish(candidate);
    });
    await inParallel(touched, SLICES_AT_ONCE, async ({ facts, indices }) => {
      const isLast = this.#deps.memory.drop(facts.tenant, facts.slice, indices);
      const hadEnded = indices.every((index) => isEnded(facts, index));
      if (isLast && !hadEnded) await this.#deps.booking.bookEnded(facts);
    });
  }

  /**
   * Whoever reads a slice looks for outcomes only once its header says that there may be some.
   * Returns which of the places have ended, as far as was looked: a slice that was not leased here
   * is committed to by who adopts a dead worker's log, most of which stands already, and a refused
   * put costs as much as one that publishes.
   */
  async #touch(facts: SliceFacts, indices: readonly number[]): Promise<ReadonlySet<number>> {
    const { memory, reader, writer } = this.#deps;
    if (memory.isTouched(facts.tenant, facts.slice)) return NONE;
    const header = await reader.header(facts.tenant, facts.slice);
    // Gone or booked: an outcome put now would belong to nobody, or be refused.
    if (header === null || header.state === 'done') return new Set(indices);
    await writer.change(header, ({ runs }) => touch(runs));
    memory.setTouched(facts.tenant, facts.slice);
    return new Set((await reader.outcomes(facts)).keys());
  }

  async #publish({ facts, spec, index, outcome }: Candidate): Promise<boolean> {
    const op = this.#deps.ops.next();
    const refusal = await this.#deps.table.put(
      {
        pk: slicePartition(facts.tenant, facts.slice),
        sk: outcomeSort(index),
        o: encodeOutcome(outcome),
        ti: spec.inputTokens,
        to: spec.maxOutputTokens,
        op,
        [TTL_ATTRIBUTE]: facts.ttl,
      },
      { text: 'attribute_not_exists(pk)' },
    );
    return refusal === null || refusal.item?.['op'] === op;
  }
}
