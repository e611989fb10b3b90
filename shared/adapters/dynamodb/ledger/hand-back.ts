import { extend, heldOf, release, type SliceRuns } from '../../../domain/requests/slice-runs.ts';
import type { Deferral, LeaseRef } from '../../../ports/request-store.ts';
import { inParallel } from '../table/in-parallel.ts';
import { slicePartition } from '../table/keys.ts';
import type { SliceMemory } from './slice-memory.ts';
import type { Located, SliceReader } from './slice-reader.ts';
import type { SliceWriter } from './slice-writer.ts';

const SLICES_AT_ONCE = 32;

export interface HandBackDeps {
  readonly reader: SliceReader;
  readonly writer: SliceWriter;
  readonly memory: SliceMemory;
}

/** What owners do with leases apart from committing: hand back, extend, ask what was withdrawn. */
export class HandBack {
  readonly #deps: HandBackDeps;

  constructor(deps: HandBackDeps) {
    this.#deps = deps;
  }

  async defer(requests: readonly Deferral[]): Promise<void> {
    await this.#eachSlice(requests, (runs, refs) => release(runs, refs));
    for (const { facts, members } of await this.#bySlice(requests)) {
      this.#deps.memory.drop(
        facts.tenant,
        facts.slice,
        members.map(({ index }) => index),
      );
    }
  }

  async extend(requests: readonly LeaseRef[], expiresAtMs: number): Promise<string[]> {
    const held: string[] = [];
    await this.#eachSlice(
      requests,
      (runs, refs) => extend(runs, refs, expiresAtMs),
      (runs, refs) => {
        const indices = new Set(heldOf(runs, refs));
        for (const { id, index } of refs) if (indices.has(index)) held.push(id);
      },
    );
    return held;
  }

  async withdrawn(refs: readonly LeaseRef[]): Promise<string[]> {
    const { reader } = this.#deps;
    const groups = await this.#bySlice(refs);
    const singles = groups.filter(({ facts }) => facts.count === 1);
    const headers = await reader.headers(singles.map(({ facts }) => partitionOf(facts)));
    const endedSingles = new Set(
      headers.filter(({ outcome }) => outcome !== null).map(({ facts }) => partitionOf(facts)),
    );
    const found = await inParallel(groups, SLICES_AT_ONCE, async ({ facts, members }) => {
      if (facts.count === 1) return endedSingles.has(partitionOf(facts)) ? members : [];
      const places = members.map(({ index }) => index);
      const ended = await reader.outcomes(facts, Math.min(...places), Math.max(...places));
      return members.filter(({ index }) => ended.has(index));
    });
    return found.flat().map(({ id }) => id);
  }

  async #eachSlice<Ref extends LeaseRef>(
    requests: readonly Ref[],
    step: (runs: SliceRuns, refs: readonly (Ref & { readonly index: number })[]) => SliceRuns,
    written?: (runs: SliceRuns, refs: readonly (Ref & { readonly index: number })[]) => void,
  ): Promise<void> {
    const groups = await this.#bySlice(requests);
    const headers = await this.#deps.reader.headers(groups.map(({ facts }) => partitionOf(facts)));
    const byName = new Map(groups.map((group) => [partitionOf(group.facts), group]));
    await inParallel(headers, SLICES_AT_ONCE, async (header) => {
      const members = byName.get(partitionOf(header.facts))?.members ?? [];
      const after = await this.#deps.writer.change(header, ({ runs }) => step(runs, members));
      if (after !== null) written?.(after.runs, members);
    });
  }

  /** The requests by slice; those that were never accepted are passed over. */
  async #bySlice<Ref extends LeaseRef>(requests: readonly Ref[]) {
    const located = await this.#deps.reader.locate(requests);
    const groups = new Map<
      string,
      { readonly facts: Located['facts']; readonly members: (Ref & { readonly index: number })[] }
    >();
    requests.forEach((request, at) => {
      const place = located[at];
      if (!place) return;
      const name = partitionOf(place.facts);
      const group = groups.get(name) ?? { facts: place.facts, members: [] };
      groups.set(name, group);
      group.members.push({ ...request, index: place.index });
    });
    return [...groups.values()];
  }
}

function partitionOf({ tenant, slice }: Located['facts']): string {
  return slicePartition(tenant, slice);
}
